import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PodSandboxConfig } from '../client/index.ts'
import type { ConfigLookup } from '../manifest/config-data.ts'
import { containerConfig, envContext } from '../manifest/container-config.ts'
import type { ContainerManifest } from '../manifest/container.ts'
import type { NodeFacts } from '../manifest/facts.ts'
import type { PodManifest } from '../manifest/pod.ts'
import type { Access } from './access.ts'
import { nextAttempt } from './attempts.ts'
import { ensureImage, presentImage } from './image.ts'
import { mountSubPath } from './sub-path-mount.ts'
import { prepareVolumes } from './volume-folders.ts'
import type { Mounts } from './volume-mounts.ts'

/** What containers are made with. */
export interface Place {
  readonly access: Access
  readonly node: NodeFacts
  readonly lookup: ConfigLookup
  readonly volumesFolder: string
  readonly mounts: Mounts
}

export interface NewContainer {
  readonly container: ContainerManifest
  /** At least this; more when there are logs of later ones. */
  readonly attempt: number
  /** When it is known; otherwise the image is seen to. */
  readonly imageId?: string | undefined
  readonly podSandboxId: string
  readonly sandboxConfig: PodSandboxConfig
  readonly podIps: readonly string[]
  /** Given the attempt that it became. */
  readonly more?: (attempt: number) => Pick<Parameters<typeof containerConfig>[2], 'labels' | 'annotations' | 'mounts'>
}

/** Makes a container of a pod, with its image and its volumes, but does not start it. Answers its id. */
export async function createContainer(place: Place, pod: PodManifest, wanted: NewContainer): Promise<string> {
  const { access, node, lookup } = place
  const { container, podSandboxId, sandboxConfig, podIps, more } = wanted
  const imageId = wanted.imageId ?? (await ensureImage(access, pod, container, sandboxConfig, lookup))
  const volumes = await prepareVolumes(pod, {
    folder: place.volumesFolder,
    mounts: place.mounts,
    context: envContext(pod, undefined, { podIps, node, lookup }),
    image: async ({ reference, pullPolicy }) =>
      (await presentImage(access, pod, reference, pullPolicy, sandboxConfig, lookup)).id,
  })
  const attempt = Math.max(wanted.attempt, nextAttempt(sandboxConfig.logDirectory, container.name))
  const added = more?.(attempt) ?? {}
  const hosts = hostsFile(place, pod, podIps)
  const mounts = [...(added.mounts ?? []), ...(hosts ? [{ containerPath: '/etc/hosts', hostPath: hosts }] : [])]
  const subPathOf = (path: string, below: string, index: number) =>
    mountSubPath(
      place.mounts,
      path,
      below,
      join(place.volumesFolder, pod.uid, '.sub-paths', container.name, String(index)),
    )
  const userns = sandboxConfig.linux?.securityContext?.namespaceOptions?.usernsOptions
  const surroundings = { userns, podIps, imageId, attempt, volumes, subPathOf, node, lookup, ...added, mounts }
  const config = containerConfig(pod, container, surroundings)
  const { containerId } = await access.cri.runtime.createContainer({ podSandboxId, config, sandboxConfig }, access.work)
  return containerId
}

/** The /etc/hosts of a pod with names of its own; others have that of the runtime. */
function hostsFile({ volumesFolder }: Place, pod: PodManifest, podIps: readonly string[]): string | undefined {
  if (pod.hostAliases.length === 0 || pod.hostNetwork) return undefined
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...podIps.map((ip) => `${ip}\t${pod.hostname}`),
    ...pod.hostAliases.map(({ ip, hostnames }) => [ip, ...hostnames].join('\t')),
  ]
  const folder = join(volumesFolder, pod.uid)
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const path = join(folder, '.hosts')
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o644 })
  return path
}
