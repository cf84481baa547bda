import { randomBytes } from 'node:crypto'
import { resourceExhausted } from './errors.ts'
import type { StreamRequest } from './session.ts'

/** The requests whose clients have not come yet, by the token in their URL. A token is good for one use, and for a time. */
export class TokenTable {
  readonly #lifetimeMs: number
  readonly #limit: number
  readonly #now: () => number
  /** In the order in which they were made, which is that in which they expire. */
  readonly #entries = new Map<string, { readonly request: StreamRequest; readonly expires: number }>()

  constructor(lifetimeMs: number, limit: number, now: () => number = () => performance.now()) {
    this.#lifetimeMs = lifetimeMs
    this.#limit = limit
    this.#now = now
  }

  /** A token of 128 random bits. Throws resource-exhausted when too many are waiting. */
  add(request: StreamRequest): string {
    this.#dropExpired()
    if (this.#entries.size >= this.#limit) throw resourceExhausted(this.#limit)
    const token = randomBytes(16).toString('base64url')
    this.#entries.set(token, { request, expires: this.#now() + this.#lifetimeMs })
    return token
  }

  /** What was asked for, if the token is good; it stays so. */
  peek(token: string): StreamRequest | undefined {
    this.#dropExpired()
    return this.#entries.get(token)?.request
  }

  /** What was asked for, if the token was good; it is so no longer. */
  take(token: string): StreamRequest | undefined {
    const request = this.peek(token)
    this.#entries.delete(token)
    return request
  }

  #dropExpired(): void {
    const now = this.#now()
    for (const [token, { expires }] of this.#entries) {
      if (expires > now) return
      this.#entries.delete(token)
    }
  }
}
