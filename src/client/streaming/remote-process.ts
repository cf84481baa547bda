import type { CriConnection } from '../connect.ts'
import { asCriError, withCriErrors } from '../own-errors.ts'
import { openRemoteStreams, type RemoteStreams, type WantedStreams } from './remote-streams.ts'
import type { TlsFiles } from './tls-files.ts'

export interface StreamOptions {
  /** Ends the connection; what waits for it fails with CANCELLED. */
  readonly signal?: AbortSignal
  /** Milliseconds that the runtime may take to answer the call that asks for the stream. */
  readonly timeout?: number
  /** For a runtime whose streaming server wants TLS. */
  readonly tls?: TlsFiles
}

export interface ExecRequest {
  readonly containerId: string
  /** The program and its arguments. */
  readonly cmd: readonly string[]
  /** With an input to write to. */
  readonly stdin?: boolean
  /** On a terminal, which has no stderr of its own. */
  readonly tty?: boolean
}

export type AttachRequest = Omit<ExecRequest, 'cmd'>

/**
 * Runs a command in a container, with its stdio as Node streams, and its exit code as a promise.
 *
 *     using ls = await exec(cri, { containerId, cmd: ['ls', '/'] })
 *     console.log(await text(ls.stdout!), await ls.exitCode)
 *
 * Read what there is: a command whose output nobody reads waits when its buffers are full.
 *
 * @throws {CriError} NOT_FOUND and the like from the runtime; UNAVAILABLE when its stream cannot be reached
 */
export async function exec(
  cri: CriConnection,
  request: ExecRequest,
  options: StreamOptions = {},
): Promise<RemoteStreams> {
  const { containerId, cmd, stdin = false, tty = false } = request
  const wanted = { stdin, stdout: true, stderr: !tty, tty }
  const { url } = await cri.runtime.exec({ containerId, cmd: [...cmd], ...wanted }, callOptions(options))
  return openStreams(cri, 'Exec', url, wanted, options)
}

/**
 * Attaches to the main process of a container; its stdin and terminal are there if the container was made with them.
 *
 * @throws {CriError} as {@link exec}
 */
export async function attach(
  cri: CriConnection,
  request: AttachRequest,
  options: StreamOptions = {},
): Promise<RemoteStreams> {
  const { containerId, stdin = false, tty = false } = request
  const wanted = { stdin, stdout: true, stderr: !tty, tty }
  const { url } = await cri.runtime.attach({ containerId, ...wanted }, callOptions(options))
  return openStreams(cri, 'Attach', url, wanted, options)
}

async function openStreams(
  { endpoint }: CriConnection,
  method: string,
  url: string,
  wanted: WantedStreams,
  { signal = new AbortController().signal, tls = {} }: StreamOptions,
): Promise<RemoteStreams> {
  const call = { method, endpoint }
  const streams = await withCriErrors(call, signal, () => openRemoteStreams(url, wanted, tls, signal))
  const exitCode = streams.exitCode.catch((error: unknown) => {
    throw asCriError(call, signal, error)
  })
  // Whoever does not ask how it ended does not hear of a failure.
  exitCode.catch(() => {})
  return { ...streams, exitCode, [Symbol.dispose]: () => streams[Symbol.dispose]() }
}

export function callOptions({ signal, timeout }: StreamOptions) {
  return { ...(signal && { signal }), ...(timeout !== undefined && { timeout }) }
}
