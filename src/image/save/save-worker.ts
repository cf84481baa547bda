import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { archiveOf, type SavePlan } from './archive.ts'
import type { SaveAnswer } from './save-thread.ts'

/** The thread that makes an archive: for each message it gets it answers the next piece. */
const port = parentPort as MessagePort
const pieces = archiveOf(workerData as SavePlan)
/** Small pieces are put together to this size, in bytes. */
const batchSize = 256 * 1024

port.on('message', () => {
  const answer = next()
  const buffer = 'piece' in answer ? answer.piece.buffer : undefined
  // Moved rather than copied.
  port.postMessage(answer, buffer instanceof ArrayBuffer && buffer.byteLength >= batchSize ? [buffer] : [])
})

function next(): SaveAnswer {
  const batch: Buffer[] = []
  let size = 0
  try {
    while (size < batchSize) {
      const { value, done } = pieces.next()
      if (done) break
      batch.push(value)
      size += value.length
    }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
  return size === 0 ? { done: true } : { piece: Buffer.concat(batch) }
}
