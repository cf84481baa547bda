import { closeSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createClock } from '../lib/clock.ts'
import { deadlineExceeded, errnoOf, failedPrecondition, messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { Logger } from '../lib/log.ts'
import type { AttachWarmup } from '../linux/cgroup/attach-warmup.ts'
import type { Cgroups } from '../linux/cgroup/cgroups.ts'
import { ConsoleSocket } from '../linux/console-socket.ts'
import { openEndingFifo, openFifoForContainer, openFifoForWriting } from '../linux/fifo.ts'
import { oomVictims } from '../linux/oom-victims.ts'
import { copyDescriptor, openPidfd } from '../linux/pidfd.ts'
import type { ExitStatus, Reaper } from '../linux/reaper.ts'
import { needsOnly } from '../oci/needs-only.ts'
import { OciRuntime, type RunRequest, type RuntimeStdio } from '../oci/runtime.ts'
import type { AttachClient } from './attach-client.ts'
import { ContainerOutput } from './container-output.ts'
import { EarlyRuntime } from './early-runtime.ts'
import { writeExitRecord } from './exit-record.ts'
import { readKillNote } from './kill-note.ts'
import { withLastWords } from './last-words.ts'
import { hasOomPart } from './oom-verdict.ts'
import type {
  ContainerExit,
  ContainerLaunch,
  HeldDescriptor,
  StartedContainer,
  SupervisedContainer,
  TerminalNumber,
} from './protocol.ts'
import { forgetStartingRuntime, recordStartingRuntime } from './starting-runtime.ts'

export interface SupervisorParts {
  readonly reaper: Reaper
  readonly cgroups: Pick<Cgroups, 'oomKills' | 'kill' | 'pids'>
  readonly warmup: Pick<AttachWarmup, 'expectAttach'>
  readonly log: Logger
  /** How long the OCI runtime may take to start a container, in milliseconds; as long as the kubelet waits when absent. */
  readonly startPatience?: number
}

const kubeletPatience = 4 * 60_000
/** How long the OCI runtime may take to take away a container that did not start, in milliseconds. */
const deletePatience = 20_000

/** How long, in seconds, the news of an end may take at most, also when the shim has to be replaced first. */
const endToNews = 60

const clock = createClock()

/** One container under this shim's care: from its start, through its output, to its exit and the removal of its traces. */
export class SupervisedProcess {
  readonly #launch: ContainerLaunch
  readonly #parts: SupervisorParts
  readonly #log: Logger
  readonly #runtime: OciRuntime
  readonly #exited = Promise.withResolvers<ContainerExit>()
  #output: ContainerOutput | undefined
  #early: EarlyRuntime | undefined
  /** Our hold on a stdin that can end: as long as it is open, it does not. */
  #stdin: number | undefined
  #started: StartedContainer | undefined
  #starting: Promise<StartedContainer> | undefined
  #adopted = false
  #exit: ContainerExit | undefined

  constructor(launch: ContainerLaunch, parts: SupervisorParts) {
    this.#launch = launch
    this.#parts = parts
    this.#log = parts.log.child({ container: launch.id, ...launch.names })
    this.#runtime = new OciRuntime({ ...launch.runtime, reaper: parts.reaper })
  }

  /** Resolves when the container has ended, its output is in the log and its exit is on record. */
  get exited(): Promise<ContainerExit> {
    return this.#exited.promise
  }

  get hasEnded(): boolean {
    return this.#exit !== undefined
  }

  get running(): boolean {
    return this.#started !== undefined && this.#exit === undefined
  }

  /** Runs the container, once: a repeated request gets the same answer. On failure the runtime's traces are removed. */
  async start(): Promise<StartedContainer & TerminalNumber> {
    this.#starting ??= this.#run()
    return { ...(await this.#starting), ...this.#terminal }
  }

  get #terminal(): TerminalNumber {
    const terminal = this.#output?.terminal
    return terminal === undefined ? {} : { terminal }
  }

  async #run(): Promise<StartedContainer> {
    this.#parts.warmup.expectAttach()
    const { id, bundle, logPath, tty } = this.#launch
    this.#output = new ContainerOutput({ bundle, logPath, log: this.#log })
    const { startPatience = kubeletPatience } = this.#parts
    const signal = AbortSignal.timeout(startPatience)
    const onSpawn = (runtimePid: number) =>
      this.#attempt('note who starts it', () => {
        faultPoint('shim-start:runtime-spawned')
        recordStartingRuntime(bundle, runtimePid)
        faultPoint('shim-start:runtime-recorded')
      })
    const request = {
      id,
      bundle,
      ...filesIn(bundle),
      signal,
      onSpawn,
    }
    const before = this.#parts.reaper.mark()
    try {
      faultPoint('shim-start:begun')
      const { pid } = tty ? await this.#runWithTerminal(request) : await this.#runWithPipes(request)
      this.#started = { pid, startedAt: String(clock()) }
      // Not before the answer to "start" is on its way: the news of the exit comes after it.
      void this.#parts.reaper.wait(pid, before).then((status) => setImmediate(() => this.end(status)))
      faultPoint('shim-start:started')
      return this.#started
    } catch (error) {
      this.#attempt('read the last of its output', () => this.#output?.finish())
      await this.#deleteUnstarted()
      if (!signal.aborted) throw error
      const { name } = this.#launch.runtime
      throw deadlineExceeded(
        `${name} did not start the container within ${startPatience / 1000} s; it was killed`,
        error,
      )
    } finally {
      this.#attempt('forget who started it', () => forgetStartingRuntime(bundle))
    }
  }

  async #deleteUnstarted(): Promise<void> {
    const { id, cgroup } = this.#launch
    try {
      await this.#runtime.delete({ id, force: true, signal: AbortSignal.timeout(deletePatience) })
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'the OCI runtime cannot delete a container that did not start')
      await this.#parts.cgroups.kill(cgroup).catch((cause) => {
        this.#log.error({ error: messageOf(cause) }, 'cannot kill what is left of a container that did not start')
      })
    }
  }

  /** Takes over a running container whose shim is gone. Somebody else waits for its process and calls {@link end}. */
  adopt({ pid, startedAt, terminal }: StartedContainer & { readonly terminal?: HeldDescriptor }): void {
    const { bundle, logPath, tty } = this.#launch
    this.#started = { pid, startedAt }
    this.#adopted = true
    this.#output = new ContainerOutput({ bundle, logPath, log: this.#log, resume: true })
    try {
      faultPoint('shim-adopt:begun')
      if (!tty) this.#output.readPipes()
      // Without it the terminal has hung up with its last holder, and there is nothing to read.
      else if (terminal) this.#output.readTerminal(copyFrom(terminal))
      if (this.#launch.stdinOnce) this.#holdStdin()
      faultPoint('shim-adopt:adopted')
    } catch (error) {
      this.#output.finish()
      throw error
    }
  }

  /**
   * Drain, flush, read the OOM counter, record, tell: in this order, once. None of them keeps the later ones from being done:
   * an exit that cannot be recorded, on a full disk, is still told, and in the list.
   */
  end(status: ExitStatus & { readonly lost?: boolean }): void {
    if (this.#exit) return
    const { id, bundle, cgroup } = this.#launch
    this.#attempt('read the last of its output', () => {
      faultPoint('shim-exit:reaped')
      this.#output?.finish()
    })
    this.#attempt('close its stdin', () => this.#letGoOfStdin())
    const { startedAt, pid = 0 } = this.#started ?? {}
    const oomKilled = hasOomPart({
      pid,
      signal: status.signal,
      kills: this.#oomKills(cgroup),
      killsBefore: readKillNote(bundle)?.oomKills,
      victims: () => oomVictims(Math.min(endToNews, secondsSince(startedAt))),
    })
    const exit = { id, ...status, ...(startedAt && { startedAt }), finishedAt: String(clock()), oomKilled }
    this.#exit = exit
    this.#attempt('record its end', () => {
      faultPoint('shim-exit:drained')
      writeExitRecord(bundle, exit)
      faultPoint('shim-exit:recorded')
    })
    this.#exited.resolve(exit)
  }

  #attempt(what: string, action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, `cannot ${what}`)
    }
  }

  reopenLog(): void {
    if (!this.running) throw failedPrecondition(`container "${this.#launch.id}" is not running: its log is closed`)
    this.#output?.reopenLog()
  }

  get cgroup(): string {
    return this.#launch.cgroup
  }

  attach(request: { readonly stdout: boolean; readonly stderr: boolean }): AttachClient {
    if (!this.running || !this.#output) throw failedPrecondition(`container "${this.#launch.id}" is not running`)
    // A terminal shows both as one.
    const stderr = request.stderr && !this.#launch.tty
    return this.#output.attach([...(request.stdout ? ['stdout' as const] : []), ...(stderr ? ['stderr' as const] : [])])
  }

  /** The pipe goes too: nobody can write to the stdin any more, and a shim that comes after this one will not hold it. */
  closeStdin(): void {
    if (!this.#launch.stdinOnce) return
    rmSync(join(this.#launch.bundle, 'stdin'), { force: true })
    this.#letGoOfStdin()
  }

  describe(): SupervisedContainer | undefined {
    const { id } = this.#launch
    if (!this.#started) return this.#starting && { id, pid: 0, startedAt: '0', starting: true }
    return {
      id,
      ...this.#started,
      ...(this.#adopted && { adopted: true }),
      ...this.#terminal,
      ...(this.#exit && { exit: this.#exit }),
    }
  }

  #oomKills(cgroup: string): number {
    try {
      return this.#parts.cgroups.oomKills(cgroup)
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'cannot read the OOM counter of the cgroup')
      return 0
    }
  }

  /**
   * Gets the OCI runtime going up to the point where it reads its configuration: the start will most likely follow. When it
   * does not, {@link giveUp} ends it. For containers without a terminal or stdin.
   */
  prepare(): void {
    const { bundle, id } = this.#launch
    const stdio = openOutput(bundle, openSync('/dev/null', 'r'))
    try {
      this.#early = new EarlyRuntime(this.#runtime, { id, bundle, ...filesIn(bundle), stdio })
    } finally {
      closeAll(stdio)
    }
  }

  /** For a container that was prepared and is not started. */
  giveUp(): void {
    this.#early?.[Symbol.dispose]()
    this.#early = undefined
  }

  #proceed(request: RunRequestWithoutStdio): Promise<{ pid: number }> | undefined {
    const early = this.#early
    this.#early = undefined
    const run = early?.proceed()
    if (!run) return undefined
    request.onSpawn(run.runtimePid)
    return run.finish(request.signal)
  }

  async #runWithPipes(request: RunRequestWithoutStdio): Promise<{ pid: number }> {
    try {
      const started = await (this.#proceed(request) ?? this.#runFromTheBeginning(request))
      faultPoint('shim-start:runtime-ended')
      // After the runtime has ended well: what it may say on its stderr when it fails is not the container's output.
      this.#output?.readPipes()
      return started
    } catch (error) {
      this.#letGoOfStdin()
      throw withLastWords(error, join(this.#launch.bundle, 'stderr'))
    }
  }

  async #runFromTheBeginning(request: RunRequestWithoutStdio): Promise<{ pid: number }> {
    const stdio = openOutput(this.#launch.bundle, this.#openStdin())
    try {
      return await this.#runtime.run({ ...request, ...this.#mountView(), stdio })
    } finally {
      closeAll(stdio)
    }
  }

  #mountView(): Pick<RunRequest, 'mountView'> {
    const { bundle, mountView } = this.#launch
    return mountView && needsOnly(mountView, bundle) ? { mountView } : {}
  }

  /**
   * What the container gets as its stdin. Without `stdinOnce` it never ends, so the container holds the pipe open itself,
   * like its output pipes: clients come and go, and nobody's death is felt. With it the container has the reading end
   * alone; this process and berthd hold the writing end until the first client is done.
   */
  #openStdin(): number {
    const { bundle, stdin, stdinOnce } = this.#launch
    if (!stdin) return openSync('/dev/null', 'r')
    const path = join(bundle, 'stdin')
    if (!stdinOnce) return openFifoForContainer(path)
    const { reader, writer } = openEndingFifo(path)
    this.#stdin = writer
    return reader
  }

  #holdStdin(): void {
    try {
      this.#stdin = openFifoForWriting(join(this.#launch.bundle, 'stdin'))
    } catch (error) {
      // It was closed, by its client or by the container.
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENXIO') throw error
    }
  }

  #letGoOfStdin(): void {
    if (this.#stdin !== undefined) closeSync(this.#stdin)
    this.#stdin = undefined
  }

  async #runWithTerminal(request: RunRequestWithoutStdio): Promise<{ pid: number }> {
    using console = new ConsoleSocket(request.bundle)
    const started = await this.#runtime.run({ ...request, ...this.#mountView(), consoleSocket: console.path })
    this.#output?.readTerminal(console.receiveMaster())
    return started
  }
}

function secondsSince(time = '0'): number {
  return Date.now() / 1000 - Number(time) / 1e9
}

type RunRequestWithoutStdio = Required<Omit<RunRequest, 'stdio' | 'consoleSocket' | 'mountView'>>

function filesIn(bundle: string): { readonly pidFile: string; readonly logFile: string } {
  return { pidFile: join(bundle, 'init.pid'), logFile: join(bundle, 'runtime.log') }
}

/** Takes over `stdin`. */
function openOutput(bundle: string, stdin: number): RuntimeStdio {
  return {
    stdin,
    stdout: openFifoForContainer(join(bundle, 'stdout')),
    stderr: openFifoForContainer(join(bundle, 'stderr')),
  }
}

function closeAll(stdio: RuntimeStdio): void {
  for (const fd of [stdio.stdin, stdio.stdout, stdio.stderr]) closeSync(fd)
}

function copyFrom({ holder, fd }: HeldDescriptor): number {
  const pidfd = openPidfd(holder)
  try {
    return copyDescriptor(pidfd, fd)
  } finally {
    closeSync(pidfd)
  }
}
