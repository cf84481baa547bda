import { type BigIntStats, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Device as DeviceRequest } from '../gen/cri_pb.ts'
import { errnoOf, invalidArgument } from '../lib/errors.ts'
import type { Device } from './runtime-spec.ts'
import { containerPath, hostPath } from './spec/checks.ts'

/** Folders of /dev that a container has of its own, or that hold no devices. */
const skippedFolders = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev'])

/** Every device node under the host's /dev, for a privileged container. */
export function findHostDevices(folder = '/dev'): Device[] {
  return devicesBelow(folder, folder)
}

/** The device nodes that a request means: the one at `host_path` (links followed), or all below it when it is a folder. */
export function findRequestedDevices(request: Pick<DeviceRequest, 'hostPath' | 'containerPath'>): Device[] {
  const asked = hostPath('devices.host_path', request.hostPath)
  const target = request.containerPath === '' ? asked : containerPath('devices.container_path', request.containerPath)
  let source: string
  try {
    source = realpathSync(asked)
  } catch (error) {
    throw invalidArgument(`devices: there is no ${asked} on this host`, error)
  }
  if (statSync(source).isDirectory()) return devicesBelow(deviceFolder(source), target)
  const device = deviceAt(source, target)
  if (!device) throw invalidArgument(`devices: ${asked} is not a device node`)
  return [device]
}

/** A folder means all devices below it: outside of /dev that could be the whole disk. */
function deviceFolder(source: string): string {
  if (source === '/dev' || source.startsWith('/dev/')) return source
  throw invalidArgument(`devices: the folder ${source} is not below /dev`)
}

function devicesBelow(folder: string, target: string): Device[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const from = join(folder, entry.name)
    const to = join(target, entry.name)
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : devicesBelow(from, to)
    if (entry.name === 'console') return []
    const device = deviceAt(from, to)
    return device ? [device] : []
  })
}

function deviceAt(path: string, target: string): Device | undefined {
  let stat: BigIntStats
  try {
    stat = lstatSync(path, { bigint: true })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return undefined
  return {
    path: target,
    type: stat.isBlockDevice() ? 'b' : 'c',
    ...splitDeviceNumber(stat.rdev),
    fileMode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  }
}

/** As `gnu_dev_major` and `gnu_dev_minor` of glibc take a dev_t apart. */
export function splitDeviceNumber(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  }
}
