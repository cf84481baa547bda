import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * The process that listens on a unix socket.
 *
 * @throws {Error} when none does
 */
export function serverOf(socket: string): number {
  // Columns: Num, RefCount, Protocol, Flags (00010000: it listens), Type, St, Inode, Path.
  const inodes = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , flags, , , , path]) => flags === '00010000' && path === socket)
    .map(([, , , , , , inode]) => `socket:[${inode}]`)
  const sockets = new Set(inodes)
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`))))
        return Number(pid)
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`nobody listens on ${socket}`)
}
