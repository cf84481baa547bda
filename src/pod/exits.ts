/** Lets operations wait until a container has ended (or is gone altogether). */
export class ContainerExits {
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>()

  /** Resolves when {@link settle} is called for the container. The caller has seen that it has not ended yet. */
  wait(id: string): Promise<void> {
    let waiting = this.#waiting.get(id)
    if (!waiting) {
      waiting = Promise.withResolvers()
      this.#waiting.set(id, waiting)
    }
    return waiting.promise
  }

  /** The container's exit is on record. */
  settle(id: string): void {
    this.#waiting.get(id)?.resolve()
    this.#waiting.delete(id)
  }
}
