import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { type FolderUsage, measureFolder } from './folder-usage.ts'

export interface LayerUsage extends FolderUsage {
  /** When it was measured, in milliseconds since the epoch. */
  readonly at: number
}

interface Known extends LayerUsage {
  /** Not measured again before, in milliseconds since the epoch. */
  readonly freshUntil: number
}

/** How old a measure may be when somebody asks, before it is taken again in the background, in milliseconds. */
const freshMs = 10_000
/** When nothing is known yet, so many files are looked at at once, for so many milliseconds; mostly 0.1 ms do. */
const firstLook = { files: 100, ms: 2 }
/** In the background: 2 ms of work, then 18 ms of rest. */
const sliceMs = 2
const restMs = 18

/**
 * What containers have written to their file systems. Nobody waits for a measure: callers get the last one and, when that has
 * become old, cause the next, one layer at a time. A layer that takes long to measure is measured less often.
 */
export class WritableLayers implements Disposable {
  readonly #log: Logger
  readonly #known = new Map<string, Known>()
  /** The layers that are waiting for a measure, or have theirs taken. */
  readonly #waiting = new Map<string, string>()
  #measuring = false
  readonly #closed = new AbortController()

  constructor(log: Logger) {
    this.#log = log
  }

  /**
   * The last measure of the container's layer. The very first may be of a part only, when the layer has more than a hundred
   * files; the whole follows.
   *
   * @param folder the upper folder of its overlay
   */
  usage(id: string, folder: string): LayerUsage {
    const known = this.#known.get(id)
    if (known) {
      if (Date.now() > known.freshUntil) this.#measureSoon(id, folder)
      return known
    }
    const at = Date.now()
    const { usage, whole } = look(folder)
    this.#known.set(id, { ...usage, at, freshUntil: whole ? at + freshMs : 0 })
    if (!whole) this.#measureSoon(id, folder)
    return { ...usage, at }
  }

  forget(id: string): void {
    this.#known.delete(id)
    this.#waiting.delete(id)
  }

  [Symbol.dispose](): void {
    this.#closed.abort()
    this.#waiting.clear()
  }

  #measureSoon(id: string, folder: string): void {
    if (this.#closed.signal.aborted) return
    this.#waiting.set(id, folder)
    if (this.#measuring) return
    this.#measuring = true
    void this.#measureAll().finally(() => {
      this.#measuring = false
    })
  }

  async #measureAll(): Promise<void> {
    for (const [id, folder] of this.#waiting) {
      try {
        const known = await this.#measure(id, folder)
        if (this.#waiting.has(id)) this.#known.set(id, known)
      } catch (error) {
        if (this.#closed.signal.aborted) return
        this.#log.warn({ container: id, error: messageOf(error) }, 'cannot measure what a container has written')
      }
      this.#waiting.delete(id)
    }
  }

  async #measure(id: string, folder: string): Promise<Known> {
    const walk = measureFolder(folder)
    let found: FolderUsage = { bytes: 0, inodes: 0 }
    let workMs = 0
    try {
      while (this.#waiting.has(id)) {
        const began = performance.now()
        const end = began + sliceMs
        let step = walk.next()
        while (!step.done && performance.now() < end) step = walk.next()
        found = step.value
        workMs += performance.now() - began
        if (step.done) break
        await delay(restMs, undefined, { signal: this.#closed.signal, ref: false })
      }
    } finally {
      walk.return(found)
    }
    const at = Date.now()
    return { ...found, at, freshUntil: at + Math.max(freshMs, workMs * 50) }
  }
}

function look(folder: string): { readonly usage: FolderUsage; readonly whole: boolean } {
  const walk = measureFolder(folder)
  const end = performance.now() + firstLook.ms
  let step = walk.next()
  for (let n = 1; !step.done && n < firstLook.files && performance.now() < end; n++) step = walk.next()
  walk.return(step.value)
  return { usage: step.value, whole: step.done ?? false }
}
