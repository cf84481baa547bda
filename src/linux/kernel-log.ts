import { addressOf, libc } from './libc.ts'

/** syslog(2): 103 on x86-64, 116 on arm64. */
const SYS_syslog = process.arch === 'arm64' ? 116 : 103
const SYSLOG_ACTION_READ_ALL = 3

/** The last `maxBytes` of the kernel's log; undefined when this process may not read it. Takes about a millisecond. */
export function kernelLog(maxBytes: number): string | undefined {
  const buffer = Buffer.alloc(maxBytes)
  const length = Number(libc.syscall(SYS_syslog, SYSLOG_ACTION_READ_ALL, addressOf(buffer), maxBytes, 0, 0))
  return length < 0 ? undefined : buffer.toString('utf8', 0, length)
}
