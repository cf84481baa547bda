import { closeSync, openSync, readSync } from 'node:fs'

/** The architectures that packages are made for, by Debian's name. */
export const architectures = {
  /** `node`: as Node and npm name it. `machine`: `e_machine` of its ELF files (elf(5)). */
  amd64: { node: 'x64', machine: 62 },
  arm64: { node: 'arm64', machine: 183 },
} as const

export type Architecture = keyof typeof architectures

/** Throws unless the file is a program or library for this architecture. */
export function assertMadeFor(architecture: Architecture, path: string): void {
  const header = Buffer.alloc(20)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, header, 0, header.length, 0)
  } finally {
    closeSync(fd)
  }
  const isElf = header.readUInt32BE(0) === 0x7f454c46
  if (!isElf || header.readUInt16LE(18) !== architectures[architecture].machine) {
    throw new Error(`${path} is no program or library for ${architecture}`)
  }
}
