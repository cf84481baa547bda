import { chmodSync, chownSync, closeSync, mkdirSync, openSync, rmSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { invalidArgument } from '../lib/errors.ts'
import type { VolumePlace } from '../manifest/container-config.ts'
import type { EnvContext } from '../manifest/env.ts'
import { isSafeName } from '../manifest/names.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { filesOf } from '../manifest/volume-files.ts'
import type { HostPathType, Volume } from '../manifest/volumes.ts'
import { type Mounts, systemMounts } from './volume-mounts.ts'
import { writeFiles } from './write-files.ts'

/** Where the volumes of pods are kept: `<folder>/<uid>/<volume>`. */
export const volumesFolder = '/var/lib/berth-run/volumes'

export interface VolumeParts {
  readonly folder: string
  readonly mounts: Mounts
  readonly context: EnvContext
  /** Sees that an image is there, and gives its id. */
  readonly image: (volume: Volume & { readonly kind: 'image' }) => Promise<string>
}

/**
 * Makes the folders of a pod's volumes, as the kubelet would, and says where each is. What is there already stays as
 * it is:
 * an emptyDir lives as long as its pod, through every attempt at it. Files of ConfigMaps and the like are brought up
 * to date.
 *
 * @throws BerthError invalid-argument when a hostPath is not what its type says; failed-precondition when a ConfigMap or
 *   Secret is not there
 */
export async function prepareVolumes(pod: PodManifest, parts: VolumeParts): Promise<Map<string, VolumePlace>> {
  const places = new Map<string, VolumePlace>()
  for (const volume of pod.volumes) {
    const place = await prepare(volume, pod, parts)
    if (place !== undefined) places.set(volume.name, place)
  }
  return places
}

/** Removes the volumes of a pod that is no more, and what else is in its folder; no error when there is nothing. */
export async function removeVolumes(uid: string, folder: string, mounts: Mounts = systemMounts): Promise<void> {
  // The uid comes from whoever made the pod: it must not lead elsewhere.
  if (!isSafeName(uid)) return
  await mounts.unmountBelow(join(folder, uid))
  rmSync(join(folder, uid), { recursive: true, force: true })
}

async function prepare(
  volume: Volume,
  { uid, security: { fsGroup } }: PodManifest,
  parts: VolumeParts,
): Promise<VolumePlace | undefined> {
  const path = join(parts.folder, uid, volume.name)
  switch (volume.kind) {
    case 'empty-dir':
      await makeFolder(path, volume.memory, parts.mounts, fsGroup)
      return { path, readOnly: false }
    case 'files':
      // In memory, as it may hold secrets.
      await makeFolder(path, { limit: undefined }, parts.mounts, undefined)
      writeFiles(path, filesOf(volume, parts.context), fsGroup)
      return { path, readOnly: true }
    case 'host-path':
      prepareHostPath(volume.path, volume.type)
      return { path: volume.path, readOnly: false }
    case 'image':
      return { image: await parts.image(volume) }
    case 'unsupported':
      return undefined
  }
}

async function makeFolder(
  path: string,
  memory: { readonly limit: bigint | undefined } | undefined,
  mounts: Mounts,
  group: number | undefined,
): Promise<void> {
  const made = mkdirSync(path, { recursive: true, mode: 0o755 })
  if (memory) await mounts.mountTmpfs(path, memory.limit)
  if (made === undefined) return
  // Containers of any user may write to it; mkdir alone would apply the umask.
  if (group !== undefined) chownSync(path, 0, group)
  chmodSync(path, group === undefined ? 0o777 : 0o2777)
}

const checks: Partial<Record<HostPathType, (stats: Stats) => boolean>> = {
  Directory: (stats) => stats.isDirectory(),
  DirectoryOrCreate: (stats) => stats.isDirectory(),
  File: (stats) => stats.isFile(),
  FileOrCreate: (stats) => stats.isFile(),
  Socket: (stats) => stats.isSocket(),
  CharDevice: (stats) => stats.isCharacterDevice(),
  BlockDevice: (stats) => stats.isBlockDevice(),
}

function prepareHostPath(path: string, type: HostPathType): void {
  const exists = statSync(path, { throwIfNoEntry: false }) !== undefined
  if (!exists && type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true, mode: 0o755 })
  if (!exists && type === 'FileOrCreate') {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    closeSync(openSync(path, 'a', 0o644))
  }
  const check = checks[type]
  if (check === undefined) return
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) throw invalidArgument(`the hostPath ${path} does not exist (its type is ${type})`)
  if (!check(stats)) throw invalidArgument(`the hostPath ${path} is not what its type says: ${type}`)
}
