import type { Readable, Writable } from 'node:stream'
import { afterSilence } from '../../lib/silence.ts'
import { bytesPassed } from './young-garbage.ts'

/**
 * Copies from one stream to another until the first ends or either fails, no faster than the second takes it. Closes neither.
 */
export class Pump {
  readonly #from: Readable
  readonly #to: Writable
  readonly #done = Promise.withResolvers<void>()
  #moved = false
  #quiet: Disposable | undefined

  constructor(from: Readable, to: Writable) {
    this.#from = from
    this.#to = to
    // EIO is the end of a terminal, EPIPE and resets mean that the other side has gone: all of them just end the copying.
    for (const event of ['end', 'error', 'close']) from.on(event, this.#stop)
    for (const event of ['error', 'close']) to.on(event, this.#stop)
    from.on('data', this.#onData)
    from.pipe(to, { end: false })
    if (from.destroyed || from.readableEnded || to.destroyed) this.#stop()
  }

  /** Resolves when nothing is copied any more; never rejects. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /**
   * Ends the copying when nothing came for `quietMs` milliseconds, though it was asked for: the writer that mattered has
   * ended, and somebody else, such as a background process of a command, keeps the pipe open.
   */
  endWhenQuiet(quietMs: number): void {
    const look = () => {
      if (!this.#moved && !this.#to.writableNeedDrain) return this.#stop()
      this.#moved = false
      this.#quiet = afterSilence(quietMs, look)
    }
    this.#moved = false
    this.#quiet ??= afterSilence(quietMs, look)
  }

  readonly #onData = (chunk: Uint8Array) => {
    this.#moved = true
    bytesPassed(chunk.length)
  }

  readonly #stop = () => {
    this.#quiet?.[Symbol.dispose]()
    this.#from.unpipe(this.#to)
    this.#from.off('data', this.#onData)
    this.#done.resolve()
  }
}
