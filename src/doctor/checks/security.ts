import { broken, type Diagnosis, ok, warning } from '../diagnosis.ts'
import type { Machine } from '../machine.ts'

export function checkSecurity(machine: Machine): Diagnosis[] {
  return [checkRoot(machine), checkAppArmor(machine), checkSelinux(machine)]
}

function checkRoot({ isRoot }: Machine): Diagnosis {
  if (isRoot) return ok('rights', 'root')
  return broken('rights', {
    found: 'not root',
    why: 'berthd mounts, and makes namespaces and cgroups; some of these checks cannot look without it',
    mend: 'sudo berth doctor',
  })
}

function checkAppArmor(machine: Machine): Diagnosis {
  const check = 'AppArmor'
  if (!machine.read('/sys/module/apparmor/parameters/enabled')?.startsWith('Y')) return ok(check, 'off')
  if (machine.find('apparmor_parser') !== undefined) return ok(check, 'on')
  return warning(check, {
    found: 'on, but there is no program apparmor_parser',
    why: 'the default profile of containers cannot be loaded: they run unconfined',
    mend: 'apt install apparmor',
  })
}

function checkSelinux(machine: Machine): Diagnosis {
  const check = 'SELinux'
  const enforce = machine.read('/sys/fs/selinux/enforce')?.trim()
  if (enforce === undefined) return ok(check, 'off')
  const policy = /^SELINUXTYPE=(\w+)/m.exec(machine.read('/etc/selinux/config') ?? '')?.[1] ?? 'targeted'
  const mode = enforce === '1' ? 'enforcing' : 'permissive'
  if (machine.exists(`/etc/selinux/${policy}/contexts/lxc_contexts`)) return ok(check, mode)
  const trouble = {
    found: `${mode}, without a policy for containers`,
    why: 'containers get no labels, and an enforcing kernel keeps them from their files',
    mend: 'dnf install container-selinux',
  }
  return enforce === '1' ? broken(check, trouble) : warning(check, trouble)
}
