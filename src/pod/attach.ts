import { join } from 'node:path'
import { errnoOf, failedPrecondition } from '../lib/errors.ts'
import { openFifoForWriting } from '../linux/fifo.ts'
import { pipeReader, pipeWriter } from '../linux/pipe-stream.ts'
import { Terminal } from '../linux/terminal.ts'
import type { AttachEnd } from '../shim/protocol.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { runningContainer } from './container-command.ts'
import type { ProcessStreams } from './exec.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { hasEndingStdin } from './start-container.ts'

export interface AttachRequest {
  readonly containerId: string
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/** A client's share in the stdio of a running container. `close` detaches it; the container runs on. */
export interface Attached extends ProcessStreams {
  /** Why there is no more; what was written before that is in the streams, which then end. */
  readonly ended: Promise<AttachEnd>
  /**
   * The client has ended its input, or has gone. With `stdin_once` that was all for the container: its stdin ends, also for
   * every other client.
   */
  endStdin(): Promise<void>
}

/**
 * Attaches a client to a running container: it gets what the container writes from now on, and its input goes to the
 * container's stdin beside that of other clients. Input for a container without a stdin is dropped, as by containerd: there
 * is no `stdin` in the answer then.
 *
 * @throws not-found; failed-precondition when the container does not run, or its stdin has ended and is asked for
 */
export async function attach(parts: PodParts, request: AttachRequest, signal: AbortSignal): Promise<Attached> {
  const container = runningContainer(parts, request.containerId)
  const { tty, stdin: hasStdin } = container.config
  const { bundle } = parts.layout.container(container.id)
  const shim = await parts.shims.get(getSandbox(parts, container.sandboxId).shim)
  const stdin = request.stdin && hasStdin && !tty ? openStdin(container, bundle) : undefined
  const left = new AbortController()
  try {
    const { id } = container
    const { stdout, stderr } = request
    const { attach, fds } = await shim.request('attach', { id, stdout, stderr }, signal)
    let ended: Promise<AttachEnd>
    let copies: typeof fds
    try {
      copies = shim.copyDescriptors(fds)
    } finally {
      ended = shim.request('attachWait', { attach }, left.signal).then(({ end }) => end)
      // Whoever closes the streams does not wait for it.
      ended.catch(() => {})
    }
    const terminal = copies.pty === undefined ? undefined : new Terminal(copies.pty, { read: false })
    const output = copies.stdout === undefined ? undefined : pipeReader(copies.stdout)
    const errors = copies.stderr === undefined ? undefined : pipeReader(copies.stderr)
    const input = stdin ?? (request.stdin && hasStdin ? terminal?.input : undefined)
    return {
      ...(input && { stdin: input }),
      ...(output && { stdout: output }),
      ...(errors && { stderr: errors }),
      ...(terminal && { resize: (size: { width: number; height: number }) => terminal.resize(size) }),
      ended,
      async endStdin() {
        if (!stdin || !hasEndingStdin(container)) return
        stdin.destroy()
        parts.pipes.releaseStdin(id)
        await shim.request('closeStdin', { id })
      },
      close() {
        left.abort()
        terminal?.close()
        for (const stream of [stdin, output, errors]) stream?.destroy()
      },
    }
  } catch (error) {
    left.abort()
    stdin?.destroy()
    throw error
  }
}

function openStdin(container: ContainerRecord, bundle: string) {
  try {
    return pipeWriter(openFifoForWriting(join(bundle, 'stdin')))
  } catch (error) {
    if (errnoOf(error) === 'ENXIO') throw failedPrecondition(`container "${container.id}" has closed its stdin`, error)
    if (errnoOf(error) !== 'ENOENT') throw error
    throw failedPrecondition(
      `the stdin of container "${container.id}" has ended with its first client (stdin_once); attach without stdin`,
      error,
    )
  }
}
