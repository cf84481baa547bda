import { chmodSync, closeSync, mkdirSync, openSync, rmSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { invalidArgument } from '../lib/errors.ts'
import { isSafeName } from '../manifest/names.ts'
import type { PodManifest } from '../manifest/pod.ts'
import type { HostPathType, Volume } from '../manifest/volumes.ts'

/** Where `berth run` keeps the emptyDir volumes of its pods: `<folder>/<uid>/<volume>`. */
export const volumesFolder = '/var/lib/berth-run/volumes'

/**
 * Makes the folders of a pod's volumes, as the kubelet would, and says where each is. What is there already stays as it is:
 * an emptyDir lives as long as its pod, through every attempt at it.
 *
 * @throws BerthError invalid-argument when a hostPath is not what its type says
 */
export function prepareVolumes(pod: PodManifest, folder: string): Map<string, string> {
  const paths = new Map<string, string>()
  for (const volume of pod.volumes) {
    const path = prepare(volume, join(folder, pod.uid))
    if (path !== undefined) paths.set(volume.name, path)
  }
  return paths
}

/** Removes the emptyDir volumes of a pod that is no more; no error when there are none. */
export function removeVolumes(uid: string, folder: string): void {
  // The uid comes from whoever made the pod: it must not lead elsewhere.
  if (isSafeName(uid)) rmSync(join(folder, uid), { recursive: true, force: true })
}

function prepare(volume: Volume, podFolder: string): string | undefined {
  switch (volume.kind) {
    case 'empty-dir': {
      const path = join(podFolder, volume.name)
      const made = mkdirSync(path, { recursive: true, mode: 0o755 })
      // Containers of any user may write to it; mkdir alone would apply the umask.
      if (made !== undefined) chmodSync(path, 0o777)
      return path
    }
    case 'host-path':
      prepareHostPath(volume.path, volume.type)
      return volume.path
    case 'unsupported':
      return undefined
  }
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
