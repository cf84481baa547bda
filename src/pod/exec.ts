import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { failedPrecondition } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { pipeReader, pipeWriter } from '../linux/pipe-stream.ts'
import { Terminal } from '../linux/terminal.ts'
import type { Process, Spec } from '../oci/runtime-spec.ts'
import { execProcess } from '../oci/spec/exec.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { getContainer, getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'

export interface ExecRequest {
  readonly containerId: string
  readonly command: readonly string[]
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/** The ends of a process's stdio, as far as they were asked for. */
export interface ProcessStreams {
  readonly stdin?: Writable
  /** With a terminal this is all that it shows. */
  readonly stdout?: Readable
  readonly stderr?: Readable
  /** With a terminal: sizes in characters. */
  readonly resize?: (size: { readonly width: number; readonly height: number }) => void
  /** Closes all of them: a process that reads its stdin sees the end, one that writes gets SIGPIPE, a terminal hangs up. */
  close(): void
}

/** A command that runs in a container, with its stdio. */
export interface RunningExec extends ProcessStreams {
  /** The exit code, 128 + n when signal n killed it. Rejects with unavailable when the shim is lost. */
  readonly exited: Promise<number>
}

/**
 * Starts a command in a running container. The command is killed, with all that it started, when berthd ends.
 *
 * @throws not-found; failed-precondition when the container does not run; the OCI runtime's failure, such as a missing program
 */
export async function exec(parts: PodParts, request: ExecRequest, signal: AbortSignal): Promise<RunningExec> {
  const container = runningContainer(parts, request.containerId)
  const { tty, stdin, stdout, stderr } = request
  const sandbox = getSandbox(parts, container.sandboxId)
  const shim = await parts.shims.get(sandbox.shim)
  faultPoint('exec:asked')
  const started = await shim.request(
    'exec',
    {
      id: container.id,
      runtime: parts.handlers.of(sandbox).command,
      bundle: parts.layout.container(container.id).bundle,
      process: execProcess(containerProcess(parts, container), request.command, tty),
      tty,
      stdin,
      stdout,
      stderr,
    },
    signal,
  )
  const gaveUp = new AbortController()
  try {
    faultPoint('exec:started')
    const fds = shim.copyDescriptors(started.fds)
    faultPoint('exec:descriptors-copied')
    const exited = shim.request('execWait', { exec: started.exec }).then(({ exitCode }) => exitCode)
    return { ...streamsOf(fds, request), exited }
  } catch (error) {
    const killed = shim.request('execWait', { exec: started.exec }, gaveUp.signal)
    gaveUp.abort()
    await killed.catch(() => {})
    throw error
  }
}

/** @throws not-found; failed-precondition when it does not run */
export function runningContainer(parts: PodParts, id: string): ContainerRecord {
  const container = getContainer(parts, id)
  if (container.state.phase === 'running') return container
  throw failedPrecondition(`container "${container.id}" is ${container.state.phase}, not running`)
}

/** The process that the container itself was started with. */
export function containerProcess(parts: PodParts, container: ContainerRecord): Process {
  const { bundle } = parts.layout.container(container.id)
  return (JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec).process
}

interface Copies {
  readonly stdin?: number
  readonly stdout?: number
  readonly stderr?: number
  readonly pty?: number
}

/** Streams over berthd's copies of the descriptors, which they close. */
function streamsOf(fds: Copies, wanted: { readonly stdin: boolean }): ProcessStreams {
  if (fds.pty !== undefined) {
    // A terminal is read to its end also when nobody wants what it shows: the command must not wait for that.
    const terminal = new Terminal(fds.pty, { read: true })
    return {
      ...(wanted.stdin && { stdin: terminal.input }),
      ...(terminal.output && { stdout: terminal.output }),
      resize: (size) => terminal.resize(size),
      close: () => terminal.close(),
    }
  }
  const stdin = fds.stdin === undefined ? undefined : pipeWriter(fds.stdin)
  const stdout = fds.stdout === undefined ? undefined : pipeReader(fds.stdout)
  const stderr = fds.stderr === undefined ? undefined : pipeReader(fds.stderr)
  return {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    close: () => {
      for (const stream of [stdin, stdout, stderr]) stream?.destroy()
    },
  }
}
