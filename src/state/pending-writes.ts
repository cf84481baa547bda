/** How long until what could not be written is written again, in milliseconds. */
const retryMs = 1000

/**
 * Writes of facts, which have happened whether they can be written or not. They are tried again until they succeed; of those
 * with the same key the last one counts.
 */
export class PendingWrites {
  readonly #writes = new Map<string, () => void>()
  #retry: NodeJS.Timeout | undefined

  /** How many facts are not written yet. */
  get size(): number {
    return this.#writes.size
  }

  /** Does the write now, or as soon as it can be done. */
  add(key: string, write: () => void): void {
    this.#writes.set(key, write)
    this.flush()
  }

  /** What was to be written under that key is written, or of no more interest. */
  drop(key: string): void {
    this.#writes.delete(key)
  }

  flush(): void {
    clearTimeout(this.#retry)
    try {
      for (const [key, write] of this.#writes) {
        write()
        this.#writes.delete(key)
      }
    } catch {
      this.#retry = setTimeout(() => this.flush(), retryMs).unref()
    }
  }

  stop(): void {
    clearTimeout(this.#retry)
  }
}
