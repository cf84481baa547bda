import type { Duplex } from 'node:stream'
import { endStream } from '../end-stream.ts'
import type { CommandOutcome, RemoteCommandSession } from '../session.ts'
import { readResizes } from './resizes.ts'
import { statusOf } from './status.ts'

/** The streams of a remote command, whichever transport they came by; those that were not asked for are absent. */
export interface RemoteCommandStreams {
  readonly stdin?: Duplex | undefined
  readonly stdout?: Duplex | undefined
  readonly stderr?: Duplex | undefined
  readonly resize?: Duplex | undefined
  readonly error: Duplex
}

/** What the session needs of the connection under it. */
export interface Hangup {
  readonly gone: AbortSignal
  /** Says goodbye after all that was written, and closes. */
  close(): Promise<void>
}

/** Makes the session that the command side works with; `jsonStatus` as the protocol version has it. */
export function openRemoteCommandSession(
  streams: RemoteCommandStreams,
  connection: Hangup,
  jsonStatus: boolean,
): RemoteCommandSession {
  const { stdin, stdout, stderr, resize, error } = streams
  // Whatever a client sends on a stream that is not for sending is taken off the wire and dropped.
  for (const stream of [stdout, stderr, error]) stream?.resume()
  let finished: Promise<void> | undefined
  const finish = async (outcome: CommandOutcome) => {
    await Promise.all([stdout, stderr].map((stream) => stream && endStream(stream)))
    await endStream(error, statusOf(outcome, jsonStatus))
    await connection.close()
  }
  return {
    ...(stdin ? { stdin } : {}),
    ...(stdout ? { stdout } : {}),
    ...(stderr ? { stderr } : {}),
    ...(resize ? { resizes: readResizes(resize) } : {}),
    gone: connection.gone,
    finish: (outcome) => (finished ??= finish(outcome)),
  }
}
