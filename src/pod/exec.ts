import { closeSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { faultPoint } from '../lib/fault-point.ts'
import { pipeReader, pipeWriter } from '../linux/pipe-stream.ts'
import { Terminal } from '../linux/terminal.ts'
import { containerCommand } from './container-command.ts'
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
  const { tty, stdin, stdout, stderr } = request
  const { shim, start } = await containerCommand(parts, request.containerId, request.command, tty)
  faultPoint('exec:asked')
  const started = await shim.request('exec', { ...start, tty, stdin, stdout, stderr }, signal)
  let fds: Copies = {}
  try {
    faultPoint('exec:started')
    fds = shim.copyDescriptors(started.fds)
    faultPoint('exec:descriptors-copied')
  } catch (error) {
    for (const fd of Object.values(fds)) closeSync(fd)
    const gaveUp = new AbortController()
    const killed = shim.request('execWait', { exec: started.exec }, gaveUp.signal)
    gaveUp.abort()
    await killed.catch(() => {})
    throw error
  }
  const exited = shim.request('execWait', { exec: started.exec }).then(({ exitCode }) => exitCode)
  return { ...streamsOf(fds, request), exited }
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
