import { constants } from 'node:os'
import { check, libc } from './libc.ts'

/** The numbers of these calls are the same on x86-64 and arm64. */
const SYS_pidfd_send_signal = 424
const SYS_pidfd_open = 434
const SYS_pidfd_getfd = 438

/** A descriptor for the process `pid`, which never comes to mean another process. Throws ESRCH when there is none. */
export function openPidfd(pid: number): number {
  return check(libc.syscall(SYS_pidfd_open, pid, 0, 0, 0, 0), 'pidfd_open', String(pid))
}

/** Sends a signal through a pidfd; throws ESRCH when the process has ended. */
export function signalPidfd(pidfd: number, signal: NodeJS.Signals): void {
  check(libc.syscall(SYS_pidfd_send_signal, pidfd, constants.signals[signal], 0, 0, 0), 'pidfd_send_signal')
}

/** A copy of descriptor `fd` of the process behind `pidfd`. */
export function copyDescriptor(pidfd: number, fd: number): number {
  return check(libc.syscall(SYS_pidfd_getfd, pidfd, fd, 0, 0, 0), 'pidfd_getfd')
}
