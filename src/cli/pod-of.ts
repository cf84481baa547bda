import type { Container } from '../client/index.ts'
import type { Cli } from './cli.ts'
import { podNameOf, podNamespaceOf, podUidOf } from '../manifest/pod-labels.ts'

/** The pod that a container belongs to, as people know it. Empty texts where nothing is known. */
export interface PodNames {
  readonly name: string
  readonly namespace: string
  readonly uid: string
}

/**
 * Says of each of these containers which pod it belongs to: by the labels that the kubelet puts on containers or, where they
 * are missing, by the sandbox.
 */
export async function findPods(
  cli: Cli,
  containers: readonly Container[],
): Promise<(container: Container) => PodNames> {
  const labelled = containers.every(({ labels }) => podNameOf(labels) !== '' && podNamespaceOf(labels) !== '')
  const items = labelled ? [] : (await cli.cri.runtime.listPodSandbox({}, cli.ask)).items
  const sandboxes = new Map(items.map(({ id, metadata }) => [id, metadata]))
  return ({ labels, podSandboxId }) => {
    const metadata = sandboxes.get(podSandboxId)
    return {
      name: podNameOf(labels) || (metadata?.name ?? ''),
      namespace: podNamespaceOf(labels) || (metadata?.namespace ?? ''),
      uid: podUidOf(labels) || (metadata?.uid ?? ''),
    }
  }
}
