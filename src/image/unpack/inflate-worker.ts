import { type MessagePort, parentPort } from 'node:worker_threads'
import { decompress } from './decompress.ts'
import { GrowingFileReader } from './growing-file.ts'
import type { InflateResult, InflateTask } from './inflate-thread.ts'
import { PieceRing } from './piece-ring.ts'

/** The thread that decompresses one layer, and ends: it gets an {@link InflateTask}, and answers an {@link InflateResult}. */
const port = parentPort as MessagePort

port.on('message', async (task: InflateTask) => {
  const ring = new PieceRing(task.ring)
  const result = await inflate(new GrowingFileReader(task.blob, { counts: false }), ring)
  port.postMessage(result)
  ring.end()
  port.close()
})

async function inflate(blob: GrowingFileReader, ring: PieceRing): Promise<InflateResult> {
  try {
    const pieces = decompress(
      () => blob.next(),
      () => ring.room(),
    )
    for await (const piece of pieces) await give(ring, piece)
    return {}
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) }
  } finally {
    blob.close()
  }
}

async function give(ring: PieceRing, piece: Buffer): Promise<void> {
  if (piece.buffer === ring.shared) {
    ring.give(piece.length)
    return
  }
  for (let at = 0; at < piece.length; ) {
    const copied = piece.copy(await ring.room(), 0, at)
    ring.give(copied)
    at += copied
  }
}
