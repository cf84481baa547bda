import { closeSync, openSync } from 'node:fs'
import { ConsoleSocket } from '../linux/console-socket.ts'
import { createPipe, setPipeCapacity } from '../linux/pipe.ts'
import type { ExitStatus } from '../linux/reaper.ts'
import type { ExecProcess, ExecStart, ExecStarter } from './exec-process.ts'
import type { ExecParams, StdioNumbers } from './protocol.ts'

/**
 * What a pipe takes, in bytes, if the kernel allows it: four times its default, so that on a busy machine the command and
 * berthd wait for each other less often.
 */
const pipeBytes = 256 * 1024

let lastConsole = 0
/** Tells the names from those that a dead shim left in the same folder. */
const shimPid = process.pid

/**
 * A command whose stdio berthd streams. The pipes (or the pty) are made here, since the shim is the parent; berthd takes
 * copies of its ends (pidfd_getfd) and the shim then lets go of them. So the bytes never pass through the shim, and the
 * command sees the end of its client as any program does: its stdin ends, its output has no reader, its terminal hangs up.
 */
export class ExecSession {
  readonly fds: StdioNumbers
  readonly #process: ExecProcess
  #held: readonly number[]

  private constructor(process: ExecProcess, fds: StdioNumbers) {
    this.#process = process
    this.fds = fds
    this.#held = Object.values(fds)
  }

  /** @param signal see {@link ExecStarter.start} */
  static async start(params: ExecParams & ExecStart, starter: ExecStarter, signal: AbortSignal): Promise<ExecSession> {
    const start = params.tty ? startWithTerminal : startWithPipes
    const { process, fds } = await start(params, starter, signal)
    return new ExecSession(process, fds)
  }

  get pid(): number {
    return this.#process.pid
  }

  get ended(): Promise<ExitStatus> {
    return this.#process.ended
  }

  /** berthd has its copies, or will never take any. */
  letGo(): void {
    for (const fd of this.#held) closeSync(fd)
    this.#held = []
  }

  kill(): Promise<void> {
    return this.#process.kill()
  }
}

interface Started {
  readonly process: ExecProcess
  readonly fds: StdioNumbers
}

async function startWithPipes(
  params: ExecParams & ExecStart,
  starter: ExecStarter,
  signal: AbortSignal,
): Promise<Started> {
  const ours: Record<string, number> = {}
  const theirs = { stdin: -1, stdout: -1, stderr: -1 }
  for (const name of ['stdin', 'stdout', 'stderr'] as const) {
    if (!params[name]) {
      theirs[name] = openSync('/dev/null', name === 'stdin' ? 'r' : 'w')
      continue
    }
    // The command's ends wait, as programs expect of their stdio.
    const pipe = createPipe({ nonBlocking: name !== 'stdin' })
    setPipeCapacity(pipe.read, pipeBytes)
    const [own, its] = name === 'stdin' ? [pipe.write, pipe.read] : [pipe.read, pipe.write]
    ours[name] = own
    theirs[name] = its
  }
  try {
    return { process: await starter.start(params, { stdio: theirs }, signal), fds: ours }
  } catch (error) {
    for (const fd of Object.values(ours)) closeSync(fd)
    throw error
  } finally {
    for (const fd of Object.values(theirs)) closeSync(fd)
  }
}

async function startWithTerminal(
  params: ExecParams & ExecStart,
  starter: ExecStarter,
  signal: AbortSignal,
): Promise<Started> {
  using console = new ConsoleSocket(params.bundle, `exec-${shimPid}-${++lastConsole}.sock`)
  const process = await starter.start(params, { consoleSocket: console.path }, signal)
  try {
    return { process, fds: { pty: console.receiveMaster() } }
  } catch (error) {
    await process.kill()
    throw error
  }
}
