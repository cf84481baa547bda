import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { unavailable } from '../../lib/errors.ts'
import type { MuxStream } from '../../mux/mux-stream.ts'
import type { CriConnection } from '../connect.ts'
import type { FailedCall } from '../cri-error.ts'
import { asCriError, withCriErrors } from '../own-errors.ts'
import { dialSpdy } from './dial.ts'
import { callOptions, type StreamOptions } from './remote-process.ts'

/**
 * How long to wait at the end of the data for a word of what went wrong, in milliseconds. It is sent before that end; a server
 * that has nothing to say may keep its stream open until this side has ended, too.
 */
const refusalPatience = 200

export interface PortForwardRequest {
  readonly podSandboxId: string
  /** The TCP port, on localhost in the pod. */
  readonly port: number
}

/**
 * Connects to a port in a pod. Either direction ends on its own; the stream fails with UNAVAILABLE when nobody listens there.
 * Destroy it when you are done with it.
 *
 *     const web = await portForward(cri, { podSandboxId, port: 80 })
 *     web.end('GET / HTTP/1.0\r\n\r\n')
 *     console.log(await text(web))
 *
 * @throws {CriError} NOT_FOUND and the like from the runtime; UNAVAILABLE when its stream cannot be reached
 */
export async function portForward(
  cri: CriConnection,
  { podSandboxId, port }: PortForwardRequest,
  options: StreamOptions = {},
): Promise<Duplex> {
  const { signal = new AbortController().signal, tls = {} } = options
  const call = { method: 'PortForward', endpoint: cri.endpoint }
  const { url } = await cri.runtime.portForward({ podSandboxId, port: [port] }, callOptions(options))
  return withCriErrors(call, signal, async () => {
    const connection = await dialSpdy(url, 'portforward.k8s.io', tls, signal)
    const open = (type: string) =>
      connection.open(new Map(Object.entries({ streamtype: type, port: String(port), requestid: '0' })))
    try {
      // The error stream comes first: servers for clients without request ids find the pair by the order.
      const errors = await open('error')
      errors.end()
      const data = await open('data')
      data.once('close', () => void connection.close())
      const refusal = text(errors).then((message) => (message === '' ? undefined : unavailable(message.trim())))
      refusal.catch(() => {})
      const both = Duplex.from({ readable: receive(data, refusal, call, signal), writable: data })
      return both.once('close', () => data.destroy())
    } catch (error) {
      void connection.close()
      throw error
    }
  })
}

/** What comes from the pod. That nobody listens there comes on a stream of its own, and must not look like an empty answer. */
async function* receive(
  data: MuxStream,
  refusal: Promise<Error | undefined>,
  call: FailedCall,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  // This end may go on writing when the other one has ended.
  for await (const chunk of data.iterator({ destroyOnReturn: false })) yield chunk as Buffer
  const refused = await Promise.race([refusal, sleep(refusalPatience, undefined, { ref: false })])
  const failure = refused ?? (data.cutOff ? unavailable('the connection to the runtime broke') : undefined)
  if (failure || signal.aborted) throw asCriError(call, signal, failure)
}
