import { constants } from 'node:os'
import { errnoOf, invalidArgument } from '../lib/errors.ts'
import { check, libc } from './libc.ts'
import { type ExitStatus, statusOfWord } from './reaper.ts'

/** The numbers of these calls are the same on x86-64 and arm64. */
const SYS_pidfd_send_signal = 424
const SYS_pidfd_open = 434
const SYS_pidfd_getfd = 438

/** A descriptor for the process `pid`, which never comes to mean another process. Throws ESRCH when there is none. */
export function openPidfd(pid: number): number {
  return check(libc.syscall(SYS_pidfd_open, pid, 0, 0, 0, 0), 'pidfd_open', String(pid))
}

/** As {@link openPidfd}; undefined when there is no such process. */
export function openPidfdIfThere(pid: number): number | undefined {
  try {
    return pid > 0 ? openPidfd(pid) : undefined
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return undefined
    throw error
  }
}

/** Sends a signal, by name or number, through a pidfd; throws ESRCH when the process has ended. */
export function signalPidfd(pidfd: number, signal: string | number): void {
  check(libc.syscall(SYS_pidfd_send_signal, pidfd, signalNumber(signal), 0, 0, 0), 'pidfd_send_signal')
}

/** The number of a signal as images and clients write it: `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`. Throws for others. */
export function signalNumber(signal: string | number): number {
  if (typeof signal === 'number') return signal
  if (/^\d+$/.test(signal)) return Number(signal)
  const name = signal.toUpperCase().replace(/^(SIG)?/, 'SIG')
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name)
  if (realTime) {
    const base = realTime[1] === 'MIN' ? 34 : 64
    return base + Number(`${realTime[2] ?? '+'}${realTime[3] ?? 0}`)
  }
  const number = (constants.signals as Partial<Record<string, number>>)[name]
  if (number === undefined) throw invalidArgument(`"${signal}" is not a signal`)
  return number
}

/** A copy of descriptor `fd` of the process behind `pidfd`. */
export function copyDescriptor(pidfd: number, fd: number): number {
  return check(libc.syscall(SYS_pidfd_getfd, pidfd, fd, 0, 0, 0), 'pidfd_getfd')
}

const POLLIN = 1

/** Whether the process behind a pidfd has ended, with all its threads; its parent may not have taken notice yet. */
export function hasEnded(pidfd: number): boolean {
  const entry = Buffer.alloc(8)
  entry.writeInt32LE(pidfd, 0)
  entry.writeInt16LE(POLLIN, 4)
  return check(libc.poll(entry, 1, 0), 'poll') > 0
}

/** `_IOWR(0xFF, 11, struct pidfd_info)` with the struct's first 64 bytes: linux/pidfd.h. */
const PIDFD_GET_INFO = 0xc040ff0b
const PIDFD_INFO_EXIT = 8n

/**
 * How the process behind a pidfd ended, whoever its parent is. Undefined until its parent has reaped it, and before Linux
 * 6.15. The pidfd must have been opened before that.
 */
export function exitStatusOf(pidfd: number): ExitStatus | undefined {
  const info = Buffer.alloc(64)
  info.writeBigUInt64LE(PIDFD_INFO_EXIT, 0)
  if (libc.ioctl(pidfd, PIDFD_GET_INFO, info) !== 0) return undefined
  return (info.readBigUInt64LE(0) & PIDFD_INFO_EXIT) === 0n ? undefined : statusOfWord(info.readInt32LE(60))
}
