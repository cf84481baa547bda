import { libc } from './libc.ts'

/** The same on x86-64 and arm64. */
const SYS_close_range = 436
const CLOSE_RANGE_CLOEXEC = 4

/**
 * Keeps what this process has inherited (a service manager's descriptors, a shell's) from the programs that it starts, the init
 * of a pod among them: whatever is open now, but for stdio, is closed on exec. Before Linux 5.11 it does nothing.
 */
export function keepDescriptors(): void {
  libc.syscall(SYS_close_range, 3, 0xffff_ffff, CLOSE_RANGE_CLOEXEC, 0, 0)
}
