import { defaultWindow } from './frames.ts'

/** What may still be sent on a stream, in bytes; below zero when more was sent before the client showed that it counts. */
export interface StreamWindow {
  size: number
}

/**
 * The flow control of SPDY/3.1 for what this side sends: a window a stream and one for the session. Kubernetes' client
 * (moby/spdystream) never opens windows again, so they bind only once the client has shown by a WINDOW_UPDATE that it
 * keeps them; until then, and always besides, TCP is what holds the sender back.
 */
export class SendWindows {
  #initial = defaultWindow
  #session = defaultWindow
  #streamsBound = false
  #sessionBound = false
  readonly #all = new Set<StreamWindow>()
  readonly #waiting = new Map<StreamWindow, () => void>()

  open(): StreamWindow {
    const window = { size: this.#initial }
    this.#all.add(window)
    return window
  }

  /** The stream is over: who waits is called once more. */
  close(window: StreamWindow): void {
    this.#all.delete(window)
    const resume = this.#waiting.get(window)
    this.#waiting.delete(window)
    resume?.()
  }

  /** How much may be sent now, in bytes; not above zero when `wait` is due. */
  allowance(window: StreamWindow): number {
    const session = this.#sessionBound ? this.#session : Number.MAX_SAFE_INTEGER
    const stream = this.#streamsBound ? window.size : Number.MAX_SAFE_INTEGER
    return Math.min(session, stream)
  }

  spend(window: StreamWindow, bytes: number): void {
    window.size -= bytes
    this.#session -= bytes
  }

  /** Calls once when more may be sent. */
  wait(window: StreamWindow, resume: () => void): void {
    this.#waiting.set(window, resume)
  }

  updateStream(window: StreamWindow, delta: number): void {
    this.#streamsBound = true
    window.size += delta
    this.#resume(window)
  }

  updateSession(delta: number): void {
    this.#sessionBound = true
    this.#session += delta
    this.#resumeAll()
  }

  /** SETTINGS: streams start with so many bytes; those that are open change by the difference (section 2.6.8). */
  setInitial(bytes: number): void {
    const difference = bytes - this.#initial
    this.#initial = bytes
    for (const window of this.#all) window.size += difference
    this.#resumeAll()
  }

  #resumeAll(): void {
    for (const window of [...this.#waiting.keys()]) this.#resume(window)
  }

  #resume(window: StreamWindow): void {
    const resume = this.#waiting.get(window)
    if (!resume || this.allowance(window) <= 0) return
    this.#waiting.delete(window)
    resume()
  }
}
