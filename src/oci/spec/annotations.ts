import type { ContainerConfig, PodSandboxConfig } from '../../gen/cri_pb.ts'

/**
 * The annotations of a container's config.json, under the names that containerd uses: Kata Containers, gVisor and others
 * read them. Of the pod's and the container's own annotations only those pass that the handler allows.
 */
export function specAnnotations(input: {
  readonly sandboxId: string
  readonly sandbox: PodSandboxConfig
  readonly container: ContainerConfig
  readonly imageName: string
  /** `sandbox` tells runtimes with a kernel of their own to make one. */
  readonly type: 'container' | 'sandbox'
  /** Globs, as `allowedAnnotations` takes them. */
  readonly podAnnotations: readonly string[]
  readonly containerAnnotations: readonly string[]
}): Record<string, string> {
  const { sandbox, container } = input
  return {
    ...allowedAnnotations(sandbox.annotations, input.podAnnotations),
    ...allowedAnnotations(container.annotations, input.containerAnnotations),
    'io.kubernetes.cri.container-type': input.type,
    'io.kubernetes.cri.sandbox-id': input.sandboxId,
    'io.kubernetes.cri.sandbox-namespace': sandbox.metadata?.namespace ?? '',
    'io.kubernetes.cri.sandbox-uid': sandbox.metadata?.uid ?? '',
    'io.kubernetes.cri.sandbox-name': sandbox.metadata?.name ?? '',
    'io.kubernetes.cri.container-name': container.metadata?.name ?? '',
    'io.kubernetes.cri.image-name': input.imageName,
  }
}

/** The annotations whose name matches one of the globs: `*` and `?` stand for anything but a slash. */
export function allowedAnnotations(
  annotations: Readonly<Record<string, string>>,
  globs: readonly string[],
): Record<string, string> {
  const patterns = globs.map(globPattern)
  const allowed = Object.entries(annotations).filter(([name]) => patterns.some((pattern) => pattern.test(name)))
  return Object.fromEntries(allowed)
}

function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`)
}
