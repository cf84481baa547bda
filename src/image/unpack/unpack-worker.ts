import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type FeedTask, feedLayer } from './feed-layer.ts'
import { FeedThread } from './feed-thread.ts'
import { type UnpackTask, unpackLayer } from './unpack-layer.ts'

/**
 * The worker thread that unpacks layers, one at a time: it gets an {@link UnpackTask} as message, and answers
 * `{ result }` or `{ error }`. Started as a feeder, the same with a {@link FeedTask}.
 */
const port = parentPort as MessagePort
const work = workerData === 'feed' ? feedLayer : unpacker(new FeedThread(new URL(import.meta.url)))

port.on('message', async (task: FeedTask & UnpackTask) => {
  try {
    port.postMessage({ result: await work(task) })
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) })
  }
})

function unpacker(thread: FeedThread) {
  return (task: UnpackTask) => unpackLayer(task, (feed) => thread.run(feed))
}
