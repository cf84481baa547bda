import { closeSync } from 'node:fs'
import { errnoOf } from '../lib/errors.ts'
import { openPidfd, signalPidfd } from '../linux/pidfd.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { PodParts } from './parts.ts'

/**
 * Sends a signal to the first process of a container, without asking its shim or the OCI runtime. Nothing when it has ended:
 * the pid cannot have come to mean another process while the record says running, but for the moment between the end and the
 * news of it; so the process must also be in the container's cgroup.
 */
export function signalContainer(parts: PodParts, container: ContainerRecord, signal: string | number): void {
  const { state } = container
  if (state.phase !== 'running' && state.phase !== 'unknown') return
  try {
    const pidfd = openPidfd(state.pid)
    try {
      if (parts.cgroups.pids(container.cgroup).includes(state.pid)) signalPidfd(pidfd, signal)
    } finally {
      closeSync(pidfd)
    }
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
