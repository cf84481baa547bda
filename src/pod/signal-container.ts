import { closeSync } from 'node:fs'
import { errnoOf } from '../lib/errors.ts'
import { openPidfdIfThere, signalPidfd } from '../linux/pidfd.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { isFirstProcess } from './container-process.ts'
import type { PodParts } from './parts.ts'

/**
 * Sends a signal to the first process of a container, without asking its shim or the OCI runtime. Nothing when it has ended:
 * the pid cannot have come to mean another process while the record says running, but for the moment between the end and the
 * news of it; so the process must also be in the container's cgroup, or as old as the container.
 */
export function signalContainer(parts: PodParts, container: ContainerRecord, signal: string | number): void {
  const { state } = container
  if (state.phase !== 'running' && state.phase !== 'unknown') return
  const pidfd = openPidfdIfThere(state.pid)
  if (pidfd === undefined) return
  try {
    if (isFirstProcess(parts, container, state)) signalPidfd(pidfd, signal)
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  } finally {
    closeSync(pidfd)
  }
}
