import type { ForwardedConnection } from '../session.ts'

/** The connections of a port-forward session, in the order in which the client opened them; for one reader. */
export class ConnectionQueue implements AsyncIterable<ForwardedConnection> {
  readonly #waiting: ForwardedConnection[] = []
  #wake = Promise.withResolvers<void>()
  #ended = false

  add(connection: ForwardedConnection): void {
    this.#waiting.push(connection)
    this.#wake.resolve()
  }

  end(): void {
    this.#ended = true
    this.#wake.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ForwardedConnection, void, undefined> {
    for (;;) {
      const next = this.#waiting.shift()
      if (next) {
        yield next
      } else if (this.#ended) {
        return
      } else {
        await this.#wake.promise
        this.#wake = Promise.withResolvers()
      }
    }
  }
}
