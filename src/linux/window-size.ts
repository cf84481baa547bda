import { check, libc } from './libc.ts'

/** ioctl_tty(2); the same on x86-64 and arm64. */
const TIOCSWINSZ = 0x5414

/**
 * Tells a terminal its size, in characters, through either end of the pty; its foreground processes get SIGWINCH. A size
 * that does not fit the kernel's 16 bits is cut down to them.
 */
export function setWindowSize(pty: number, size: { readonly width: number; readonly height: number }): void {
  const winsize = Buffer.alloc(8)
  winsize.writeUInt16LE(clamp(size.height), 0)
  winsize.writeUInt16LE(clamp(size.width), 2)
  check(libc.ioctl(pty, TIOCSWINSZ, winsize), 'ioctl')
}

function clamp(value: number): number {
  return Math.min(0xffff, Math.max(0, Math.trunc(value) || 0))
}
