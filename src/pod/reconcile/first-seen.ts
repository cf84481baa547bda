/**
 * Since when something is as it is. For what is in order again a moment later most of the time: only what stays so is touched.
 */
export class FirstSeen {
  #times = new Map<string, number>()
  #current = new Map<string, number>()

  /** For how long it has been seen, without a break, in milliseconds. */
  age(what: string): number {
    const since = this.#times.get(what) ?? this.#current.get(what) ?? performance.now()
    this.#current.set(what, since)
    return performance.now() - since
  }

  /** To be called at the end of a round: what was not seen in it is forgotten. */
  forgetOthers(): void {
    this.#times = this.#current
    this.#current = new Map()
  }
}
