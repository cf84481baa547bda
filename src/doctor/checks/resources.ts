import { dirname } from 'node:path'
import type { Config } from '../../config/config.ts'
import { broken, type Diagnosis, ok, warning } from '../diagnosis.ts'
import type { FileSystem, Machine } from '../machine.ts'

export function checkResources(machine: Machine, config: Config): Diagnosis[] {
  return [
    checkSwap(machine),
    checkDisk(machine, 'disk of images', config.root),
    checkDisk(machine, 'disk of state', config.state),
    checkInotify(machine),
    checkPids(machine),
  ]
}

function checkSwap(machine: Machine): Diagnosis {
  const [, ...swaps] = (machine.read('/proc/swaps') ?? '').trim().split('\n')
  const names = swaps.map((line) => line.split(/\s/)[0] ?? '').filter((name) => name !== '')
  if (names.length === 0) return ok('swap', 'there is none')
  return warning('swap', {
    found: `in use: ${names.join(', ')}`,
    why: 'a kubelet does not start on it, unless failSwapOn is false; memory limits mean less',
    mend: 'swapoff -a, and take its lines out of /etc/fstab',
  })
}

const gib = 2 ** 30

/** `f_type` of statfs(2), from linux/magic.h, for what root file systems of containers cannot lie on. */
const unfit: Readonly<Record<number, string>> = {
  0x794c7630: 'an overlay (a container’s own disk?), which cannot carry another overlay',
  0x6969: 'NFS, which cannot carry the upper layer of an overlay',
  0x65735546: 'FUSE, which most often cannot carry the upper layer of an overlay',
}
const tmpfs = 0x01021994

function checkDisk(machine: Machine, check: string, folder: string): Diagnosis {
  const place = existing(machine, folder)
  const disk = machine.fileSystem(place)
  if (disk === undefined) return ok(check, `${folder}: unknown`)
  const isImages = check === 'disk of images'
  const found = `${folder}: ${describe(disk)}`
  const problem = isImages ? unfit[disk.type] : undefined
  if (problem !== undefined) {
    return broken(check, {
      found: `${folder} is on ${problem}`,
      why: 'the root file systems of containers cannot be made there',
      mend: 'set root in the configuration of berthd to a folder on ext4 or xfs',
    })
  }
  const { freeBytes, totalBytes, freeInodes, totalInodes } = disk
  const inodes = totalInodes === 0 ? 1 : freeInodes / totalInodes
  const floor = isImages ? gib : gib / 64
  if (freeBytes < floor || inodes < 0.02) {
    const trouble = {
      found,
      why: isImages ? 'pulls and containers fail when it is full' : 'pods cannot be made when it is full',
      mend: isImages
        ? 'free some: berth gc --dry-run, berth images, berth rmi; or make the disk larger'
        : `see what takes it: du -x ${place}`,
    }
    return freeBytes < floor / 8 || inodes < 0.002 ? broken(check, trouble) : warning(check, trouble)
  }
  if (isImages && disk.type === tmpfs) {
    return warning(check, {
      found: `${found}, a tmpfs`,
      why: 'images take memory there, and are gone after a reboot',
      mend: 'set root in the configuration of berthd to a folder on a disk',
    })
  }
  if (totalBytes > 0 && freeBytes / totalBytes < 0.1 && isImages) {
    return warning(check, {
      found,
      why: 'the kubelet begins to evict pods when less than 10 % (nodefs) or 15 % (imagefs) is free',
      mend: 'free some: berth gc --dry-run, berth images, berth rmi; or make the disk larger',
    })
  }
  return ok(check, found)
}

/** The folder, or the nearest above it that is there. */
function existing(machine: Machine, folder: string): string {
  return folder === '/' || machine.exists(folder) ? folder : existing(machine, dirname(folder))
}

function describe({ freeBytes, totalBytes }: FileSystem): string {
  const percent = totalBytes === 0 ? 0 : Math.round((freeBytes / totalBytes) * 100)
  return `${(freeBytes / gib).toFixed(1)} GiB (${percent} %) free`
}

function checkInotify(machine: Machine): Diagnosis {
  const path = '/proc/sys/fs/inotify/max_user_instances'
  const instances = Number(machine.read(path) ?? Number.NaN)
  if (Number.isNaN(instances) || instances >= 512) return ok('inotify', `${instances || 'unknown'} instances a user`)
  return warning('inotify', {
    found: `fs.inotify.max_user_instances is ${instances}`,
    why: 'all pods of root share them: "too many open files" in log collectors, kubectl logs -f and controllers',
    mend: "sysctl -w fs.inotify.max_user_instances=8192; for good: echo 'fs.inotify.max_user_instances = 8192' > /etc/sysctl.d/98-berth.conf",
    fix: () => machine.write(path, '8192'),
  })
}

function checkPids(machine: Machine): Diagnosis {
  const path = '/proc/sys/kernel/pid_max'
  const limit = Number(machine.read(path) ?? Number.NaN)
  if (Number.isNaN(limit) || limit > 32_768) return ok('process ids', `up to ${limit || 'unknown'}`)
  return warning('process ids', {
    found: `kernel.pid_max is ${limit}`,
    why: 'a hundred pods with threads use that up, and then nothing starts any more',
    mend: "sysctl -w kernel.pid_max=4194304; for good: echo 'kernel.pid_max = 4194304' > /etc/sysctl.d/98-berth.conf",
    fix: () => machine.write(path, '4194304'),
  })
}
