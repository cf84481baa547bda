import { ReadableWatch } from '../linux/readable.ts'
import type { PipeSource } from './output-source.ts'

/** How long a pipe that is written to all the time is left alone, in milliseconds. */
const paceMs = 2
/** After how long everything else has its turn, in milliseconds. */
const turnMs = 5
/** When so many are busy, the next one is taken to be so too: they have the processors in turns, each for some milliseconds. */
const many = 4
/** How often a pipe that is empty is looked at in vain, at most, before it is watched again; less often when few others are. */
const mostInVain = 16

/** The pipes that are written to all the time, of all containers. */
const busy = new Set<PacedWatch>()
/** Those that are still to be looked at this time. */
let waiting: PacedWatch[] = []
let isScheduled = false

/**
 * Says when a pipe is to be read: as soon as there is something, so that a line is in the log at once. But each time costs
 * some ten calls of the kernel, and the writer is held up meanwhile; so what is written without a pause is read every few
 * milliseconds, much at once.
 */
export class PacedWatch implements Disposable {
  readonly #source: PipeSource
  readonly #take: () => number
  readonly #watch: ReadableWatch
  /** In milliseconds, as of `performance.now()`. */
  #lastTaken = Number.NEGATIVE_INFINITY
  #inVain = 0

  /** @param take reads what there is: how many bytes, 0 at the end, -1 for none. It may dispose of this; it must not throw. */
  constructor(source: PipeSource, take: () => number) {
    this.#source = source
    this.#take = take
    this.#watch = new ReadableWatch(source.fd, this.#onReadable)
  }

  readonly #onReadable = () => {
    const isBusy = performance.now() - this.#lastTaken < paceMs || busy.size >= many
    const taken = this.#take()
    this.#lastTaken = performance.now()
    if (taken <= 0 || !isBusy) return
    this.#watch.pause()
    this.#inVain = 0
    busy.add(this)
    schedule(false)
  }

  /** Answers whether it should be looked at again without a pause: the writer would have to wait. */
  look(): boolean {
    if (!busy.has(this)) return false
    const taken = this.#take()
    if (taken > 0) {
      this.#inVain = 0
      return taken >= this.#source.capacity / 2 && !this.#source.enlarge()
    }
    if (taken === 0) return false
    if (++this.#inVain < Math.min(busy.size, mostInVain)) return false
    busy.delete(this)
    this.#source.shrink()
    this.#lastTaken = Number.NEGATIVE_INFINITY
    this.#watch.resume()
    return false
  }

  /** To be called before the source is closed. */
  [Symbol.dispose](): void {
    busy.delete(this)
    this.#watch[Symbol.dispose]()
  }
}

function schedule(isUrgent: boolean): void {
  if (isScheduled) return
  isScheduled = true
  if (isUrgent) setImmediate(lookAtAll)
  else setTimeout(lookAtAll, paceMs)
}

/** Whether somebody must be looked at without a pause. */
let isUrgent = false

function lookAtAll(): void {
  isScheduled = false
  if (waiting.length === 0) {
    waiting = [...busy]
    isUrgent = false
  }
  const end = performance.now() + turnMs
  for (let watch = waiting.pop(); watch; watch = waiting.pop()) {
    if (watch.look()) isUrgent = true
    if (performance.now() > end) break
  }
  if (busy.size > 0) schedule(isUrgent || waiting.length > 0)
}
