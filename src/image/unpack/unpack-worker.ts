import { type MessagePort, parentPort } from 'node:worker_threads'
import { messageOf } from '../../lib/errors.ts'
import { type UnpackTask, unpackLayer } from './unpack-layer.ts'

/** What the worker gets: `ring` when another thread decompresses the layer. */
export interface UnpackRequest {
  readonly task: UnpackTask
  readonly ring?: SharedArrayBuffer
}

/** The worker thread that unpacks layers, one at a time: it gets an {@link UnpackRequest}, and answers `{ result }` or `{ error }`. */
const port = parentPort as MessagePort

port.on('message', async ({ task, ring }: UnpackRequest) => {
  try {
    port.postMessage({ result: await unpackLayer(task, ring) })
  } catch (error) {
    port.postMessage({ error: messageOf(error) })
  }
})
