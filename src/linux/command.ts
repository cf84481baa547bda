import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { addressOf, check, libc } from './libc.ts'
import { createPipe } from './pipe.ts'
import { pipeWriter } from './pipe-stream.ts'
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
  request.signal?.throwIfAborted()
  const { stdin } = request
  using input = stdin === undefined ? openNull() : inputFile(stdin)
  return new RunningCommand(reaper, request, input.fd).ended(request.signal)
}

/**
 * A short command that is started before its input is known, so that the start-up of its program (2 to 4 ms of one in Go) passes
 * meanwhile. It must be one that does nothing before it has read its input to the end; disposed of before that, it is killed.
 */
export class WaitingCommand implements Disposable {
  readonly #command: RunningCommand
  #input: number | undefined

  constructor(reaper: Reaper, request: Omit<CommandRequest, 'stdin' | 'signal'>) {
    const pipe = createPipe({ nonBlocking: false })
    this.#input = pipe.write
    try {
      this.#command = new RunningCommand(reaper, request, pipe.read)
    } catch (error) {
      closeSync(pipe.write)
      throw error
    } finally {
      closeSync(pipe.read)
    }
  }

  /** Gives it its input, once, and waits for its end. */
  async run(stdin: string, signal?: AbortSignal): Promise<CommandResult> {
    const fd = this.#input
    if (fd === undefined) throw new Error('the command has its input already')
    this.#input = undefined
    pipeWriter(fd).end(stdin)
    return this.#command.ended(signal)
  }

  [Symbol.dispose](): void {
    if (this.#input === undefined) return
    this.#command.kill()
    closeSync(this.#input)
    this.#input = undefined
    void this.#command.ended()
  }
}

/** A command whose output goes to anonymous files in memory. */
class RunningCommand {
  readonly #pid: number
  readonly #status: Promise<ExitStatus>
  readonly #stdout: number
  readonly #stderr: number
  #killed = false

  constructor(reaper: Reaper, request: Omit<CommandRequest, 'stdin' | 'signal'>, stdin: number) {
    this.#stdout = memfd('stdout')
    this.#stderr = memfd('stderr')
    try {
      this.#pid = spawn({ ...request, stdin, stdout: this.#stdout, stderr: this.#stderr, newSession: true })
    } catch (error) {
      this.#close()
      throw error
    }
    this.#status = reaper.wait(this.#pid)
  }

  kill(): void {
    this.#killed = true
    kill(-this.#pid, 'SIGKILL')
  }

  /** To be called once. */
  async ended(signal?: AbortSignal): Promise<CommandResult> {
    const onAbort = () => this.kill()
    if (signal?.aborted) this.kill()
    signal?.addEventListener('abort', onAbort)
    try {
      const status = await this.#status
      return { ...status, stdout: contents(this.#stdout), stderr: contents(this.#stderr), killed: this.#killed }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#close()
    }
  }

  #close(): void {
    for (const fd of [this.#stdout, this.#stderr]) closeSync(fd)
  }
}

function openNull(): Input {
  return new Input(openSync('/dev/null', 'r'))
}

class Input implements Disposable {
  readonly fd: number

  constructor(fd: number) {
    this.fd = fd
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}

/** memfd_create(2): 319 on x86-64, 279 on arm64. */
const SYS_memfd_create = process.arch === 'arm64' ? 279 : 319
const MFD_CLOEXEC = 1

/** A new anonymous file in memory, open for reading and writing. */
export function memfd(name: string): number {
  const text = Buffer.from(`${name}\0`)
  return check(libc.syscall(SYS_memfd_create, addressOf(text), MFD_CLOEXEC, 0, 0, 0), 'memfd_create')
}

function inputFile(data: string | Uint8Array): Input {
  const fd = memfd('stdin')
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  // At position 0 explicitly: the file offset, which the child inherits, stays at the start.
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
  return new Input(fd)
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
