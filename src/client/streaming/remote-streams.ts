import type { Readable, Writable } from 'node:stream'
import type { SpdyConnection } from '../../mux/spdy/connection.ts'
import { dialSpdy } from './dial.ts'
import { exitCodeOf } from './status.ts'
import type { TlsFiles } from './tls-files.ts'

/** With it the outcome comes as a Status in JSON, and terminals can be resized. */
const protocol = 'v4.channel.k8s.io'

/** What is kept of the error stream, in bytes: a status is short. */
const maxStatus = 1024 * 1024

export interface WantedStreams {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** The stdio of a process in a container, as the runtime streams it. Disposed of, the connection ends. */
export interface RemoteStreams extends Disposable {
  readonly stdin?: Writable
  readonly stdout?: Readable
  readonly stderr?: Readable
  /** With a terminal: tells its size, in characters. */
  readonly resize?: (size: { readonly width: number; readonly height: number }) => void
  /** Rejects with what went wrong when it could not be run, and with unavailable when the connection broke. */
  readonly exitCode: Promise<number>
}

/**
 * Opens the streams of an exec or attach at the URL that the runtime answered, for the same streams that it was asked for.
 *
 * @throws unavailable when the connection cannot be made
 */
export async function openRemoteStreams(
  url: string,
  wanted: WantedStreams,
  tls: TlsFiles,
  signal: AbortSignal,
): Promise<RemoteStreams> {
  const connection = await dialSpdy(url, protocol, tls, signal)
  const open = (type: string) => connection.open(new Map([['streamtype', type]]))
  try {
    const error = await open('error')
    const exitCode = readStatus(error).then(exitCodeOf)
    // Whoever gives up does not hear of it.
    exitCode.catch(() => {})
    const stdin = wanted.stdin ? await open('stdin') : undefined
    const stdout = wanted.stdout ? await open('stdout') : undefined
    const stderr = wanted.stderr && !wanted.tty ? await open('stderr') : undefined
    const sizes = wanted.tty ? await open('resize') : undefined
    return {
      ...(stdin && { stdin }),
      ...(stdout && { stdout }),
      ...(stderr && { stderr }),
      ...(sizes && {
        resize: ({ width, height }) => void sizes.write(JSON.stringify({ Width: width, Height: height })),
      }),
      exitCode,
      [Symbol.dispose]: () => hangUp(connection),
    }
  } catch (error) {
    hangUp(connection)
    throw error
  }
}

function hangUp(connection: SpdyConnection): void {
  void connection.close()
}

async function readStatus(error: Readable): Promise<string> {
  let text = ''
  for await (const chunk of error) if (text.length < maxStatus) text += chunk
  return text
}
