import { listMountPoints } from '../../linux/mount-facts.ts'
import { readProcessStat } from '../../linux/process-stat.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import { recordEvent } from '../container-events.ts'
import type { PodParts } from '../parts.ts'
import type { Disorder } from './disorder.ts'
import type { FirstSeen } from './first-seen.ts'

/** For so long a container may be without its process before its shim is not waited for any more, in milliseconds. */
const exitPatience = 20_000

/** Containers that are not as their records have them. */
export function unlikelyContainers(parts: PodParts, seen: FirstSeen): Disorder[] {
  const mounts = new Set(listMountPoints())
  return [...parts.containers.all()].flatMap((container): Disorder[] => {
    const { id, state } = container
    const finding = { kind: 'container', subject: id } as const
    if (state.phase === 'unknown')
      return [{ ...finding, problem: `is in an unknown state: ${state.message}`, remedy: 'report' }]
    if (state.phase === 'running' && !isAlive(state.pid)) {
      if (seen.age(`process of ${id}`) < exitPatience) return []
      const problem = 'has no process any more, and its shim does not tell of its end'
      return [{ ...finding, problem, remedy: 'repair', mend: () => recordLoss(parts, container) }]
    }
    if (state.phase !== 'created' && state.phase !== 'running') return []
    const problems: string[] = []
    const { rootfs } = parts.layout.container(id)
    if (!mounts.has(rootfs)) problems.push(`has lost its root file system: ${rootfs} was unmounted`)
    if (state.phase === 'running' && !parts.cgroups.exists(container.cgroup)) {
      problems.push(`has lost its cgroup ${container.cgroup}, and with it its limits`)
    }
    return problems.map((problem) => ({ ...finding, problem: `${problem}; make it anew`, remedy: 'report' }))
  })
}

function isAlive(pid: number): boolean {
  const process = readProcessStat(pid)
  return process !== undefined && !process.zombie
}

/** Through its shim, if that answers: it drains the pipes first. */
async function recordLoss(parts: PodParts, { id, sandboxId }: ContainerRecord): Promise<void> {
  const shimName = parts.sandboxes.get(sandboxId)?.shim
  if (shimName !== undefined) {
    const late = AbortSignal.timeout(5_000)
    const shim = await parts.shims.get(shimName)
    await shim.request('exited', { id, exitCode: 255, signal: 0, lost: true }, late).catch(() => {})
  }
  const message = 'its process is gone, and nobody told how it ended'
  recordEvent(parts, id, { type: 'exit-lost', at: parts.clock(), message })
}
