import { type MessagePort, parentPort } from 'node:worker_threads'
import { messageOf } from '../../lib/errors.ts'
import { decompress } from './decompress.ts'
import { GrowingFileReader } from './growing-file.ts'
import type { InflateTask } from './inflate-thread.ts'
import { PieceRing } from './piece-ring.ts'

/** The thread that decompresses one layer, and ends: it gets an {@link InflateTask}. */
const port = parentPort as MessagePort

port.on('message', async ({ blob, ring }: InflateTask) => {
  await inflate(new GrowingFileReader(blob, { counts: false }), new PieceRing(ring))
  port.close()
})

async function inflate(blob: GrowingFileReader, ring: PieceRing): Promise<void> {
  try {
    const pieces = decompress(
      () => blob.next(),
      () => ring.room(),
    )
    for await (const piece of pieces) await give(ring, piece)
    ring.end()
  } catch (error) {
    ring.end(messageOf(error))
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
