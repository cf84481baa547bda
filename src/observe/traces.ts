import type { Span } from '../lib/span.ts'

/** One call of the API, with what it was about and where its time went. */
export interface Trace {
  readonly sandbox?: string
  readonly container?: string
  /** The distributed trace that the call was a part of, and the caller's span in it (W3C Trace Context). */
  readonly traceId?: string
  readonly parentSpan?: string
  readonly root: Span
}

/** How many are kept. */
const kept = 100

/** The traces of the last calls that changed something, newest first. Empty unless tracing is on (`lib/span.ts`). */
export class Traces {
  readonly #traces: Trace[] = []

  add(trace: Trace): void {
    this.#traces.unshift(trace)
    this.#traces.length = Math.min(this.#traces.length, kept)
  }

  list(): readonly Trace[] {
    return this.#traces
  }
}
