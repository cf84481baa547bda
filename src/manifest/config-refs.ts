import { failedPrecondition } from '../lib/errors.ts'
import type { ConfigLookup } from './config-data.ts'
import type { ContainerManifest } from './container.ts'
import { type ConfigRef, findConfig } from './env.ts'
import type { PodManifest } from './pod.ts'

/**
 * Checks that the ConfigMaps and Secrets of the pod's volumes and of these of its containers are there, with their keys.
 *
 * @throws BerthError failed-precondition when one is not and is not optional
 */
export function checkConfigRefs(
  pod: PodManifest,
  containers: readonly ContainerManifest[],
  lookup: ConfigLookup,
): void {
  for (const { of, keys } of [...containers.flatMap(refsOfContainer), ...refsOfVolumes(pod)]) {
    const data = findConfig(of, { pod, lookup })
    const missing = keys.find((key) => data !== undefined && !data.has(key))
    if (missing !== undefined && !of.optional)
      throw failedPrecondition(`${of.kind} "${of.name}" has no key "${missing}"`)
  }
}

interface Ref {
  readonly of: ConfigRef
  readonly keys: readonly string[]
}

function refsOfContainer({ envFrom, env }: ContainerManifest): Ref[] {
  const single = env.flatMap(({ source }) => (source.kind === 'key' ? [{ of: source.of, keys: [source.key] }] : []))
  return [...envFrom.map(({ of }) => ({ of, keys: [] })), ...single]
}

function refsOfVolumes({ volumes }: PodManifest): Ref[] {
  const sources = volumes.flatMap((volume) => (volume.kind === 'files' ? volume.sources : []))
  return sources.flatMap((source) =>
    source.kind === 'config' ? [{ of: source.of, keys: source.items?.map(({ key }) => key) ?? [] }] : [],
  )
}
