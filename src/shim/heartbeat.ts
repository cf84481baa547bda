/** How often is asked, in milliseconds. */
const defaultInterval = 5000
/** So many times in a row may the answer be missing when it is time to ask again. */
const allowedMisses = 3

/**
 * Asks again and again whether the other end is there, and tells once when it has not answered for long. Counts its own
 * turns instead of measuring time: after a pause of this process or of the machine the answers are there, just unread.
 */
export class Heartbeat implements Disposable {
  readonly #ask: () => Promise<unknown>
  readonly #onMute: () => void
  readonly #timer: NodeJS.Timeout
  #waiting = false
  #missed = 0

  constructor(ask: () => Promise<unknown>, onMute: () => void, interval = defaultInterval) {
    this.#ask = ask
    this.#onMute = onMute
    this.#timer = setInterval(() => this.#beat(), interval)
    this.#timer.unref()
  }

  #beat(): void {
    if (!this.#waiting) {
      this.#waiting = true
      this.#ask().then(
        () => {
          this.#waiting = false
          this.#missed = 0
        },
        // The connection has closed, which is told elsewhere.
        () => this[Symbol.dispose](),
      )
    } else if (++this.#missed >= allowedMisses) {
      this[Symbol.dispose]()
      this.#onMute()
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
