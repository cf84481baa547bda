import { type MessagePort, parentPort } from 'node:worker_threads'
import { type UnpackTask, unpackLayer } from './unpack-layer.ts'

/** The worker thread that unpacks layers, one at a time: it gets an {@link UnpackTask}, and answers `{ result }` or `{ error }`. */
const port = parentPort as MessagePort

port.on('message', async (task: UnpackTask) => {
  try {
    port.postMessage({ result: await unpackLayer(task) })
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) })
  }
})
