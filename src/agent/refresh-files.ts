import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError } from '../lib/errors.ts'
import { envContext } from '../manifest/container-config.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { filesOf } from '../manifest/volume-files.ts'
import type { Place } from './start-container.ts'
import { writeFiles } from './write-files.ts'

/**
 * Brings the files that volumes have of ConfigMaps and Secrets up to date, under running containers, as the kubelet
 * does. One
 * that is gone meanwhile changes nothing. What tells of the pod itself cannot change.
 */
export function refreshFiles({ volumesFolder, node, lookup }: Place, pod: PodManifest): void {
  for (const volume of pod.volumes) {
    if (volume.kind !== 'files' || volume.sources.some(({ kind }) => kind === 'downward')) continue
    const folder = join(volumesFolder, pod.uid, volume.name)
    if (!existsSync(join(folder, '..data'))) continue
    try {
      const context = envContext(pod, undefined, { podIps: [], node, lookup })
      writeFiles(folder, filesOf(volume, context), pod.security.fsGroup)
    } catch (error) {
      if (!(error instanceof BerthError)) throw error
    }
  }
}
