/** Tokens that a token service has given, for as long as it says they are good; each for the same question only. */
export class TokenCache {
  readonly #tokens = new Map<string, { readonly token: string; readonly until: number }>()
  readonly #now: () => number

  /** `now` is in milliseconds. */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  get(question: string): string | undefined {
    const found = this.#tokens.get(question)
    return found && found.until > this.#now() ? found.token : undefined
  }

  /** `seconds`: how long it is good (`expires_in`). It is used a little less long. */
  put(question: string, token: string, seconds: number): void {
    const now = this.#now()
    for (const [key, { until }] of this.#tokens) if (until <= now) this.#tokens.delete(key)
    this.#tokens.set(question, { token, until: now + seconds * 900 })
  }
}
