import { closeSync, openSync, readSync } from 'node:fs'

const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46])

/** Whether a file is a program in the machine's own format, and not a script; false when it cannot be read. */
export function isElf(file: string): boolean {
  const head = Buffer.alloc(magic.length)
  try {
    const fd = openSync(file, 'r')
    try {
      return readSync(fd, head) === head.length && head.equals(magic)
    } finally {
      closeSync(fd)
    }
  } catch {
    return false
  }
}
