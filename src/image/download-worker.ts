import { type MessagePort, parentPort } from 'node:worker_threads'
import { BerthError, cancelled, errnoOf } from '../lib/errors.ts'
import type { DownloadAnswer, DownloadMessage, DownloadTask } from './download-thread.ts'
import { downloadBlob } from './download.ts'
import { RegistryClient } from './registry/registry-client.ts'
import { Transport, type TransportTimeouts } from './registry/transport.ts'
import { GrowingFileWriter } from './unpack/growing-file.ts'

/** The thread that downloads layers, any number at a time: gets {@link DownloadMessage}s, answers {@link DownloadAnswer}s. */
const port = parentPort as MessagePort
const controllers = new Map<number, AbortController>()
let transport: Transport | undefined

port.on('message', async (message: DownloadMessage) => {
  if (!('task' in message)) return controllers.get(message.id)?.abort(cancelled('the download is not wanted any more'))
  const { id, task } = message
  const controller = new AbortController()
  controllers.set(id, controller)
  const reply = (answer: DownloadAnswer) => port.postMessage(answer)
  try {
    reply({ id, resumedFrom: await download(task, controller.signal) })
  } catch (error) {
    reply({ id, error: describe(error) })
  } finally {
    controllers.delete(id)
  }
})

function download({ client, timeouts, blob, file, retry }: DownloadTask, signal: AbortSignal): Promise<number> {
  return downloadBlob({
    client: new RegistryClient({ ...client, transport: transportFor(timeouts), signal }),
    blob,
    image: client.image,
    file: new GrowingFileWriter(file.path, file.shared),
    retry,
    signal,
  })
}

/** The connections are kept for the next layer. All tasks of a thread have the same timeouts. */
function transportFor(timeouts: TransportTimeouts): Transport {
  transport ??= new Transport(timeouts)
  return transport
}

function describe(error: unknown): Extract<DownloadAnswer, { error: object }>['error'] {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof BerthError) return { message, berth: error.code }
  const errno = errnoOf(error)
  return errno === undefined ? { message } : { message, errno }
}
