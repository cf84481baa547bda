import { basename } from 'node:path'
import { type CgroupDriver, type CgroupName, containerCgroup } from '../linux/cgroup/names.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { PodParts } from './parts.ts'
import { podCgroup } from './sandbox-config.ts'

/*
 * The cgroup of the init of a shared PID namespace: beside those of the pod's containers and named like them, by the id of the
 * sandbox, as the pause containers of other runtimes have it. No OCI runtime makes it.
 */

/** Moves a process there; the cgroup is made. */
export async function placeInfraProcess(parts: PodParts, sandbox: SandboxRecord, pid: number): Promise<void> {
  const { path, cgroupsPath, driver } = infraCgroup(parts, sandbox)
  if (driver === 'cgroupfs') return parts.cgroups.place(path, pid)
  const [slice = ''] = cgroupsPath.split(':')
  const description = `The init of the PID namespace of Berth's sandbox ${sandbox.id}`
  await parts.units.startScope({ name: basename(path), slice, description, pids: [pid] })
}

/** Kills what is there and takes the cgroup away; no error when there is none. */
export async function clearInfraCgroup(parts: PodParts, sandbox: SandboxRecord): Promise<void> {
  const { path, driver } = infraCgroup(parts, sandbox)
  if (!parts.cgroups.exists(path)) return
  await parts.cgroups.kill(path)
  if (driver === 'systemd') await parts.units.stop(basename(path))
  await parts.cgroups.remove(path)
}

function infraCgroup(parts: PodParts, sandbox: SandboxRecord): CgroupName & { readonly driver: CgroupDriver } {
  // That of the time when the pod was made.
  const driver = sandbox.runtime?.cgroupDriver ?? parts.handlers.of(sandbox).cgroupDriver
  return { ...containerCgroup(podCgroup(parts, sandbox.config, driver), sandbox.id, driver), driver }
}
