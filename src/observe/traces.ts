import { type Span, switchTracing } from '../lib/span.ts'
import type { Call } from './calls.ts'

/** One call of the API, with what it was about and where its time went. */
export interface Trace {
  readonly sandbox?: string
  readonly container?: string
  /** The distributed trace that the call was a part of, and the caller's span in it (W3C Trace Context). */
  readonly traceId?: string
  readonly parentSpan?: string
  /** The names of what it was about. */
  readonly call?: Pick<Call, 'pod' | 'container' | 'image'>
  readonly root: Span
}

/** Takes traces out of berthd. */
export interface TraceSink {
  /** Of calls that no caller has decided about, the part that is taken: 0 to 1. */
  readonly sampleRatio: number
  add(trace: Trace): void
}

/** How many are kept. */
const kept = 100

/**
 * The traces of calls that change something: the last ones are kept for `berth trace`, and a sink may have them all. Where neither
 * is wanted, nothing is traced (`lib/span.ts`).
 */
export class Traces {
  readonly #traces: Trace[] = []
  #keep = false
  #sink: TraceSink | undefined

  /** Keeps the last traces from now on, or keeps no more. */
  keep(on: boolean): void {
    this.#keep = on
    this.#update()
  }

  /** Gives traces to `sink` from now on; undefined: to nobody. */
  exportTo(sink: TraceSink | undefined): void {
    this.#sink = sink
    this.#update()
  }

  /** Whether the trace of a call that begins is for the sink: as its caller has decided, or by chance. */
  isExported(sampled: boolean | undefined): boolean {
    return this.#sink !== undefined && (sampled ?? Math.random() < this.#sink.sampleRatio)
  }

  /** @param isExported what {@link isExported} answered when the call began */
  add(trace: Trace, isExported: boolean): void {
    if (isExported) this.#sink?.add(trace)
    if (!this.#keep) return
    this.#traces.unshift(trace)
    this.#traces.length = Math.min(this.#traces.length, kept)
  }

  /** Newest first. */
  list(): readonly Trace[] {
    return this.#traces
  }

  #update(): void {
    switchTracing(this.#keep || this.#sink !== undefined)
  }
}
