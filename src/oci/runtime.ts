import { closeSync, openSync, readFileSync } from 'node:fs'
import { cancelled, errnoOf, operationFailed } from '../lib/errors.ts'
import { span } from '../lib/span.ts'
import { type CommandResult, runCommand } from '../linux/command.ts'
import { standardPath } from '../linux/find-program.ts'
import { insideMountView, type MountView } from '../linux/mount-view.ts'
import type { ExitStatus, Reaper } from '../linux/reaper.ts'
import { kill, spawn } from '../linux/spawn.ts'
import { noSuchContainer, runtimeFailure, runtimeMissing } from './errors.ts'
import { parseFeatures, type RuntimeFeatures } from './features.ts'
import type { RuntimeCommand } from '../state/runtime-command.ts'
import { lastLoggedError, logLength } from './runtime-log.ts'
import type { LinuxResources } from './runtime-spec.ts'

export interface OciRuntimeOptions extends RuntimeCommand {
  /** Must adopt: the processes of containers come to it when the runtime has ended. */
  readonly reaper: Reaper
}

/** Descriptors of this process that the container's process gets as 0, 1 and 2. The caller closes its own copies. */
export interface RuntimeStdio {
  readonly stdin: number
  readonly stdout: number
  readonly stderr: number
}

export interface RunRequest {
  readonly id: string
  /** The folder with config.json. */
  readonly bundle: string
  /** Where the runtime writes the pid of the container's first process. */
  readonly pidFile: string
  /** Where the runtime writes its log, one JSON object a line; it is appended to. */
  readonly logFile: string
  /** Absent with a console socket: the runtime itself then has /dev/null. */
  readonly stdio?: RuntimeStdio
  /** A listening unix socket that gets the pty master, for `process.terminal`. */
  readonly consoleSocket?: string
  /** What the runtime sees of this machine's mounts; absent for all. */
  readonly mountView?: MountView
  /** When it aborts, the runtime is killed; the caller then deletes the container with force. */
  readonly signal?: AbortSignal
  /** Told of the runtime's own pid as soon as it runs; it leads a session. */
  readonly onSpawn?: (pid: number) => void
}

export type BeginRequest = Pick<RunRequest, 'id' | 'bundle' | 'pidFile' | 'logFile'> & { readonly stdio: RuntimeStdio }

/** A runtime under way. */
export interface BegunRun {
  /** It leads a session. */
  readonly runtimePid: number
  readonly ended: Promise<ExitStatus>
  /** Waits for its end and answers as {@link OciRuntime.run}; when the signal aborts, it is killed. */
  finish(signal: AbortSignal): Promise<{ readonly pid: number }>
}

export interface ExecRequest extends Omit<RunRequest, 'bundle'> {
  /** The file with the `process` object of the runtime-spec. */
  readonly processFile: string
}

/** What `state` tells, from the runtime-spec's "state" chapter. */
export interface RuntimeState {
  readonly id: string
  readonly status: 'creating' | 'created' | 'running' | 'stopped' | 'paused'
  /** 0 when stopped. */
  readonly pid: number
  readonly bundle: string
}

/**
 * Drives an OCI runtime that has runc's command line (runc, crun, youki, runsc). Containers are started detached: the
 * runtime ends, and the container's process is inherited by the caller, which must be a child subreaper.
 *
 * Failures are {@link BerthError}s with the runtime's own sentence. A runtime that fails also says so on its stderr, which
 * in `run` and `exec` is the container's.
 */
export class OciRuntime {
  readonly #options: OciRuntimeOptions

  constructor(options: OciRuntimeOptions) {
    this.#options = options
  }

  /** Creates and starts a container. On failure something may be left: `delete` with force takes it away. */
  async run(request: RunRequest): Promise<{ readonly pid: number }> {
    return this.#start('run', this.#runArgs(request), request)
  }

  /**
   * Starts the runtime for {@link run} and does not wait for it: when config.json is a pipe, it loads itself and then waits to
   * read its configuration, before which it does nothing. Throws as `run` does when it cannot be started.
   */
  begin(request: BeginRequest): BegunRun {
    const logBefore = logLength(request.logFile)
    const args = [...this.#globalArgs(), ...logArgs(request), ...this.#runArgs(request)]
    const { pid, ended } = this.#spawn(args, request.stdio)
    return {
      runtimePid: pid,
      ended,
      finish: async (signal) => this.#started('run', await this.#ended(pid, ended, signal), request, logBefore),
    }
  }

  #runArgs(request: Omit<RunRequest, 'stdio'>): string[] {
    const args = ['run', '--detach', '--bundle', request.bundle, '--pid-file', request.pidFile]
    if (this.#options.noPivot) args.push('--no-pivot')
    if (request.consoleSocket !== undefined) args.push('--console-socket', request.consoleSocket)
    return [...args, request.id]
  }

  /** Starts one more process in a running container. */
  async exec(request: ExecRequest): Promise<{ readonly pid: number }> {
    const args = ['exec', '--detach', '--process', request.processFile, '--pid-file', request.pidFile]
    if (request.consoleSocket !== undefined) args.push('--console-socket', request.consoleSocket)
    return this.#start('exec', [...args, request.id], request)
  }

  /** Deletes a container; with force it is killed first. One that does not exist is no error. */
  async delete(request: { id: string; force?: boolean; signal?: AbortSignal }): Promise<void> {
    const args = request.force ? ['delete', '--force', request.id] : ['delete', request.id]
    const result = await this.#command(args, request.signal)
    if (result.exitCode !== 0 && !isAbsent(result, request.id)) throw this.#failure('delete', result)
  }

  /** Sends a signal, by name or number, to the first process. Answers false when there is no running one. */
  async kill(request: { id: string; signal: NodeJS.Signals | number; abort?: AbortSignal }): Promise<boolean> {
    const result = await this.#command(['kill', request.id, String(request.signal)], request.abort)
    if (result.exitCode === 0) return true
    if (isAbsent(result, request.id) || /not running|already finished|no such process/i.test(said(result))) return false
    throw this.#failure('kill', result)
  }

  /** What the runtime knows of a container; throws not-found when nothing. */
  async state(request: { id: string; signal?: AbortSignal }): Promise<RuntimeState> {
    const result = await this.#command(['state', request.id], request.signal)
    if (result.exitCode !== 0)
      throw isAbsent(result, request.id) ? noSuchContainer(request.id) : this.#failure('state', result)
    return JSON.parse(result.stdout.toString('utf8')) as RuntimeState
  }

  /** Changes the limits of a container; what is absent in `resources` stays. */
  async update(request: { id: string; resources: LinuxResources; signal?: AbortSignal }): Promise<void> {
    const args = ['update', '--resources', '-', request.id]
    const result = await this.#command(args, request.signal, JSON.stringify(request.resources))
    if (result.exitCode !== 0)
      throw isAbsent(result, request.id) ? noSuchContainer(request.id) : this.#failure('update', result)
  }

  /**
   * Writes what CRIU needs to bring the processes back into the folder `images`, and its log into `work`. The container runs on;
   * it may be paused before.
   */
  async checkpoint(request: { id: string; images: string; work: string; signal?: AbortSignal }): Promise<void> {
    const folders = ['--image-path', request.images, '--work-path', request.work]
    const result = await this.#command(['checkpoint', ...folders, '--leave-running', request.id], request.signal)
    if (result.exitCode !== 0) throw this.#failure('checkpoint', result)
  }

  /** Stops all processes of a container where they are. */
  async pause(request: { id: string; signal?: AbortSignal }): Promise<void> {
    const result = await this.#command(['pause', request.id], request.signal)
    if (result.exitCode !== 0) throw this.#failure('pause', result)
  }

  /** Has them go on; no error when they are not paused, or there are none. */
  async resume(request: { id: string; signal?: AbortSignal }): Promise<void> {
    const result = await this.#command(['resume', request.id], request.signal)
    if (result.exitCode !== 0 && !isAbsent(result, request.id) && !/not paused/i.test(said(result))) {
      throw this.#failure('resume', result)
    }
  }

  /** What the runtime says it can do; undefined when it is too old to have the command. */
  async features(signal?: AbortSignal): Promise<RuntimeFeatures | undefined> {
    const result = await this.#command(['features'], signal)
    return result.exitCode === 0 ? parseFeatures(result.stdout.toString('utf8')) : undefined
  }

  async #start(action: string, args: string[], request: Omit<RunRequest, 'bundle'>): Promise<{ pid: number }> {
    const { signal, onSpawn, mountView } = request
    if (signal?.aborted) throw this.#cancelled(signal)
    const logBefore = logLength(request.logFile)
    const status = await this.#withStdio(request.stdio, async (stdio) => {
      const { pid, ended } = this.#spawn([...this.#globalArgs(), ...logArgs(request), ...args], stdio, mountView)
      onSpawn?.(pid)
      return this.#ended(pid, ended, signal)
    })
    return this.#started(action, status, request, logBefore)
  }

  #started(
    action: string,
    status: ExitStatus,
    { logFile, pidFile }: Pick<RunRequest, 'logFile' | 'pidFile'>,
    logBefore: number,
  ): { readonly pid: number } {
    if (status.exitCode === 0) return { pid: readPid(pidFile) }
    throw runtimeFailure(this.#options.name, action, lastLoggedError(logFile, logBefore) ?? endOf(status))
  }

  async #withStdio<T>(stdio: RuntimeStdio | undefined, use: (stdio: RuntimeStdio) => Promise<T>): Promise<T> {
    if (stdio) return use(stdio)
    const fd = openSync('/dev/null', 'r+')
    try {
      return await use({ stdin: fd, stdout: fd, stderr: fd })
    } finally {
      closeSync(fd)
    }
  }

  #spawn(
    args: readonly string[],
    stdio: RuntimeStdio,
    mountView?: MountView,
  ): { readonly pid: number; readonly ended: Promise<ExitStatus> } {
    const { path, reaper } = this.#options
    const start = () => spawn({ file: path, args, env: environment(), ...stdio, newSession: true })
    const pid = this.#startable(() => (mountView ? insideMountView(mountView, start) : start()))
    return { pid, ended: reaper.wait(pid) }
  }

  /** The end of the runtime's process, which is killed with all that it has started when the signal aborts. */
  async #ended(pid: number, ended: Promise<ExitStatus>, signal: AbortSignal | undefined): Promise<ExitStatus> {
    const onAbort = () => void kill(-pid, 'SIGKILL')
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    try {
      const status = await span(this.#options.name, () => ended)
      if (signal?.aborted && status.signal !== 0) throw this.#cancelled(signal)
      return status
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #command(args: readonly string[], signal?: AbortSignal, stdin?: string): Promise<CommandResult> {
    const { path, reaper } = this.#options
    if (signal?.aborted) throw this.#cancelled(signal)
    let result: CommandResult
    try {
      const request = { file: path, args: [...this.#globalArgs(), ...args], env: environment() }
      result = await span(`${this.#options.name} ${args[0]}`, () =>
        runCommand(reaper, { ...request, ...(signal && { signal }), ...(stdin !== undefined && { stdin }) }),
      )
    } catch (error) {
      throw this.#startError(error)
    }
    if (result.killed && signal) throw this.#cancelled(signal)
    return result
  }

  #globalArgs(): string[] {
    const { root, args = [], systemdCgroup } = this.#options
    return ['--root', root, ...(systemdCgroup ? ['--systemd-cgroup'] : []), ...args]
  }

  #startable<T>(start: () => T): T {
    try {
      return start()
    } catch (error) {
      throw this.#startError(error)
    }
  }

  #startError(error: unknown): unknown {
    const missing = ['ENOENT', 'ENOTDIR', 'EACCES', 'ENOEXEC'].includes(errnoOf(error) ?? '')
    return missing ? runtimeMissing(this.#options.name, this.#options.path, error) : error
  }

  #cancelled(signal: AbortSignal) {
    return cancelled(`${this.#options.name} was stopped: its caller gave up`, signal.reason)
  }

  #failure(action: string, result: CommandResult) {
    return runtimeFailure(this.#options.name, action, said(result) || endOf(result))
  }
}

function logArgs({ logFile }: Pick<RunRequest, 'logFile'>): string[] {
  return ['--log', logFile, '--log-format', 'json']
}

/** runc looks for newuidmap and criu on PATH; it gets nothing else of this process's environment. */
function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? standardPath }
}

/** runc: `container does not exist`; crun: `error opening file '…/<id>/status': No such file`, `cannot open directory '…/<id>': No such file`. */
function isAbsent(result: CommandResult, id: string): boolean {
  const text = said(result)
  if (/does not exist/i.test(text)) return true
  return text.includes(`/${id}`) && /(error opening file|cannot open directory) .*No such file or directory/i.test(text)
}

/** The last line of stderr, without what runc puts around it: `ERRO[0000] …` or `time=… level=error msg="…"`. */
function said(result: CommandResult): string {
  const line = result.stderr.toString('utf8').trim().split('\n').at(-1) ?? ''
  const [, quoted] = /level=error msg="(.*)"$/.exec(line) ?? []
  if (quoted !== undefined) return quoted.replace(/\\(["\\])/g, '$1')
  return line.replace(/^(ERRO|FATA)\[\d+\] ?/, '').replace(/^time=\S+ level=error msg=/, '')
}

function endOf(status: ExitStatus): string {
  return status.signal !== 0 ? `it was killed by signal ${status.signal}` : `it ended with code ${status.exitCode}`
}

function readPid(path: string): number {
  const text = readFileSync(path, 'utf8').trim()
  if (!/^[1-9]\d*$/.test(text)) throw operationFailed(`the OCI runtime wrote no pid to ${path}`)
  return Number(text)
}
