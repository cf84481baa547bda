import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { LayersUnderWay } from './layers-under-way.ts'
import { type UnpackTask, unpackLayer } from './unpack-layer.ts'

/** The worker thread that unpacks layers, one at a time: it gets an {@link UnpackTask}, and answers `{ result }` or `{ error }`. */
const port = parentPort as MessagePort
const underWay = new LayersUnderWay(workerData as SharedArrayBuffer)

port.on('message', async (task: UnpackTask) => {
  try {
    port.postMessage({ result: await unpackLayer(task, underWay) })
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) })
  }
})
