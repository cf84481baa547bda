import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { addressOf, check, libc } from './libc.ts'
import { type ExitStatus, type Reaper } from './reaper.ts'
import { kill, spawn } from './spawn.ts'

export interface CommandRequest {
  /** The program, as an absolute path. */
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string | Uint8Array
  /** When it aborts, the command and its process group are killed; the result then has `killed`. */
  readonly signal?: AbortSignal
}

export interface CommandResult extends ExitStatus {
  /** At most {@link maxOutput} bytes each. */
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** The command was killed because `signal` aborted. */
  readonly killed: boolean
}

/** What is kept of a command's stdout or stderr, in bytes. */
export const maxOutput = 16 * 1024 * 1024

/**
 * Runs a short command to its end. Its input and output are anonymous files in memory, not pipes: nothing has to be pumped
 * while it runs, and a background child that keeps the descriptors open does not hold the call up.
 */
export async function runCommand(reaper: Reaper, request: CommandRequest): Promise<CommandResult> {
  const fds: number[] = []
  const memory = (name: string) => {
    const fd = memfd(name)
    fds.push(fd)
    return fd
  }
  try {
    const stdout = memory('stdout')
    const stderr = memory('stderr')
    const stdin = request.stdin === undefined ? openNull(fds) : inputFile(memory('stdin'), request.stdin)
    request.signal?.throwIfAborted()
    const pid = spawn({ ...request, stdin, stdout, stderr, newSession: true })
    let killed = false
    const onAbort = () => {
      killed = true
      kill(-pid, 'SIGKILL')
    }
    request.signal?.addEventListener('abort', onAbort)
    try {
      const status = await reaper.wait(pid)
      return { ...status, stdout: contents(stdout), stderr: contents(stderr), killed }
    } finally {
      request.signal?.removeEventListener('abort', onAbort)
    }
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

function openNull(fds: number[]): number {
  const fd = openSync('/dev/null', 'r')
  fds.push(fd)
  return fd
}

/** memfd_create(2): 319 on x86-64, 279 on arm64. */
const SYS_memfd_create = process.arch === 'arm64' ? 279 : 319
const MFD_CLOEXEC = 1

/** A new anonymous file in memory, open for reading and writing. */
export function memfd(name: string): number {
  const text = Buffer.from(`${name}\0`)
  return check(libc.syscall(SYS_memfd_create, addressOf(text), MFD_CLOEXEC, 0, 0, 0), 'memfd_create')
}

function inputFile(fd: number, data: string | Uint8Array): number {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  // At position 0 explicitly: the file offset, which the child inherits, stays at the start.
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
  return fd
}

/** All that was written to an anonymous file, up to {@link maxOutput}. */
export function contents(fd: number): Buffer {
  const buffer = Buffer.allocUnsafe(Math.min(fstatSync(fd).size, maxOutput))
  let length = 0
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, length)
    if (count === 0) break
    length += count
  }
  return buffer.subarray(0, length)
}
