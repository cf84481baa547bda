import koffi, { type node } from 'koffi'

/**
 * Calls back whenever something can be read from `fd`, or it has come to its end, until disposed of; again and again as long as
 * that is so. Unlike a stream of Node's it does not read. Nothing may be thrown back.
 */
export class ReadableWatch implements Disposable {
  readonly #handle: node.PollHandle
  readonly #onReadable: () => void
  #pending: NodeJS.Immediate | undefined
  #watching = true

  constructor(fd: number, onReadable: () => void) {
    this.#onReadable = onReadable
    // The callback is made from the middle of libuv's loop, where promises and ticks would have to wait: not so a little later.
    this.#handle = koffi.node.poll(fd, this.#onEvent)
  }

  readonly #onEvent = () => {
    this.#pending ??= setImmediate(this.#run)
  }

  readonly #run = () => {
    this.#pending = undefined
    if (this.#watching) this.#onReadable()
  }

  /** Does not look until it is told to {@link resume}. */
  pause(): void {
    if (!this.#watching) return
    this.#handle.stop()
    this.#forget()
  }

  resume(): void {
    if (this.#watching) this.#handle.start(this.#onEvent)
  }

  #forget(): void {
    clearImmediate(this.#pending)
    this.#pending = undefined
  }

  /** To be called before `fd` is closed. */
  [Symbol.dispose](): void {
    if (!this.#watching) return
    this.#watching = false
    this.#handle.close()
    this.#forget()
  }
}
