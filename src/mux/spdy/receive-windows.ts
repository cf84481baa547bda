import { defaultWindow } from './frames.ts'

/**
 * The windows that a peer is given, in bytes: with larger ones it is told less often. What is not taken stays below the
 * connection's budget for what came in, so that streams that nobody reads do not stop the others.
 */
const wantedWindow = { stream: 256 * 1024, session: 1024 * 1024 }

/** What was taken and not yet given back to the peer's window, and how large that window is, in bytes. */
export class Taken {
  bytes = 0
  window = defaultWindow
}

/**
 * The flow control of SPDY/3.1 for what this side receives: gives what was read back to the peer's windows, in portions of
 * half a window. A peer that sends much gets larger windows with the first portion.
 */
export class ReceiveWindows {
  readonly #widen: (streamId: number, bytes: number) => void
  readonly #session = new Taken()

  /** @param widen sends a WINDOW_UPDATE; stream 0 is the session */
  constructor(widen: (streamId: number, bytes: number) => void) {
    this.#widen = widen
  }

  /** `stream` only as long as the peer may send more on it. */
  taken(bytes: number, stream?: { readonly id: number; readonly taken: Taken }): void {
    if (stream) this.#count(stream.id, stream.taken, bytes, wantedWindow.stream)
    this.#count(0, this.#session, bytes, wantedWindow.session)
  }

  #count(id: number, taken: Taken, bytes: number, wanted: number): void {
    taken.bytes += bytes
    if (taken.bytes < taken.window / 2) return
    this.#widen(id, taken.bytes + wanted - taken.window)
    taken.bytes = 0
    taken.window = wanted
  }
}
