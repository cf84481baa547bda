import { parse } from 'yaml'
import { messageOf } from '../../lib/errors.ts'
import { type CgroupLayout, parseCgroupLayout } from '../../linux/cgroup/layout.ts'
import type { Config } from '../../config/config.ts'
import { broken, type Diagnosis, ok, warning } from '../diagnosis.ts'
import type { Machine } from '../machine.ts'

/** Without these no limit of a pod holds. */
const needed = ['cpu', 'memory', 'pids']

export function checkCgroups(machine: Machine, config: Config): Diagnosis[] {
  return [checkLayout(machine), checkDriver(machine, config)]
}

function checkLayout(machine: Machine): Diagnosis {
  let layout: CgroupLayout
  try {
    layout = parseCgroupLayout(machine.read('/proc/self/mountinfo') ?? '')
  } catch (error) {
    return broken('cgroups', {
      found: messageOf(error),
      why: 'limits, statistics and the end of containers are all by cgroups',
      mend: 'mount -t cgroup2 none /sys/fs/cgroup',
    })
  }
  const controllers =
    layout.version === 2
      ? ((machine.read(`${layout.root}/cgroup.controllers`) ?? '').match(/\S+/g) ?? [])
      : layout.hierarchies.flatMap((hierarchy) => hierarchy.controllers)
  const missing = needed.filter((name) => !controllers.includes(name))
  const found = `version ${layout.version}, with ${controllers.filter((name) => !name.startsWith('name=')).join(', ') || 'no controller'}`
  if (missing.length > 0) {
    return broken('cgroups', {
      found: `${found}; without ${missing.join(', ')}`,
      why: `limits on ${missing.join(', ')} have no effect, and the kubelet does not start`,
      mend: missing.includes('memory')
        ? 'add cgroup_enable=memory to the command line of the kernel (/etc/default/grub, update-grub), then reboot'
        : 'use a kernel that has these controllers',
    })
  }
  if (layout.version === 2) return ok('cgroups', found)
  return warning('cgroups', {
    found,
    why: 'Berth takes version 1, but newer kubelets do so only with failCgroupV1: false, and some features need version 2',
    mend: 'add systemd.unified_cgroup_hierarchy=1 to the command line of the kernel, then reboot',
  })
}

/** The kubelet's configuration where kubeadm puts it. */
const kubeletConfig = '/var/lib/kubelet/config.yaml'

function checkDriver(machine: Machine, { cgroup_driver: driver }: Config): Diagnosis {
  const check = 'cgroup driver'
  if (driver === 'systemd' && !machine.exists('/run/systemd/system')) {
    return broken(check, {
      found: 'systemd, but this machine was not booted with it',
      why: 'berthd does not start',
      mend: 'set cgroup_driver = "cgroupfs" in the configuration of berthd, and cgroupDriver: cgroupfs in that of the kubelet',
    })
  }
  const theirs = kubeletDriver(machine)
  if (theirs !== undefined && theirs !== driver) {
    return broken(check, {
      found: `${driver}; the kubelet has ${theirs} (${kubeletConfig})`,
      why: 'both must be the same: else limits of pods do not hold, or pods do not start',
      mend: `set cgroup_driver = "${theirs}" in the configuration of berthd`,
    })
  }
  return ok(check, `${driver}${theirs === undefined ? '' : ', as the kubelet has it'}`)
}

function kubeletDriver(machine: Machine): string | undefined {
  const text = machine.read(kubeletConfig)
  if (text === undefined) return undefined
  try {
    const { cgroupDriver } = parse(text) as { cgroupDriver?: unknown }
    return typeof cgroupDriver === 'string' ? cgroupDriver : 'cgroupfs'
  } catch {
    return undefined
  }
}
