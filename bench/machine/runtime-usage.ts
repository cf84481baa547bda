import { readdirSync, readFileSync } from 'node:fs'
import type { Endpoint } from '../run/endpoint.ts'
import { cgroupSeconds } from './cgroup-cpu.ts'
import { allProcesses, type Process, processesOfRuntime } from './processes.ts'
import { serverOf } from './socket-server.ts'

/** Every process of the runtime behind an endpoint. */
export function runtimeProcesses({ socket, mark }: Endpoint): Process[] {
  return processesOfRuntime(allProcesses(), { server: serverOf(socket), mark, self: process.pid })
}

/** The memory of these processes in MiB: PSS, in which a page that n processes share counts as 1/n (proc_pid_smaps(5)). */
export function memoryOf(processes: readonly Process[]): number {
  const kib = processes.map(({ pid }) => {
    try {
      return Number(/^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
    } catch {
      // It has ended meanwhile.
      return 0
    }
  })
  return kib.reduce((sum, value) => sum + value, 0) / 1024
}

/**
 * CPU seconds that the runtime uses while `run` runs: by its cgroup when that is known, else those of its threads that are
 * there at the end.
 */
export async function runtimeSecondsOf(endpoint: Endpoint, run: () => Promise<void>): Promise<number> {
  const { cgroup } = endpoint
  if (cgroup !== undefined) {
    const before = cgroupSeconds(cgroup)
    await run()
    return cgroupSeconds(cgroup) - before
  }
  const before = threadSeconds(runtimeProcesses(endpoint))
  await run()
  const after = threadSeconds(runtimeProcesses(endpoint))
  return [...after].reduce((sum, [thread, seconds]) => sum + seconds - (before.get(thread) ?? 0), 0)
}

/** What each thread has used, by its id: the first field of schedstat, in nanoseconds. */
function threadSeconds(processes: readonly Process[]): Map<string, number> {
  const threads = processes.flatMap(({ pid }) => {
    try {
      return readdirSync(`/proc/${pid}/task`).map((thread): [string, number] => [
        thread,
        Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9,
      ])
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
  return new Map(threads)
}
