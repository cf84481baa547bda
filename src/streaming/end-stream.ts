import type { Writable } from 'node:stream'

/** Ends a stream, with last words or without, and waits until all of it was sent or cannot be any more. Never rejects. */
export function endStream(stream: Writable, lastWords = ''): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableFinished) return resolve()
    stream.once('finish', resolve)
    stream.once('close', resolve)
    if (stream.writableEnded) return
    if (lastWords === '') stream.end()
    else stream.end(lastWords)
  })
}
