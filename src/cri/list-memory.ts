import type { EncodedList } from './encoded-list.ts'

/** The answer to a list call without a filter. */
export interface WholeList {
  readonly list: EncodedList
  /** Whether what it is made of beside the records is as it was. */
  readonly holds: () => boolean
}

/**
 * Keeps whole lists for as long as they hold: the kubelet asks for them every second, and mostly nothing has changed since. A list
 * is kept by the array of its records, of which there is a new one after each change.
 */
export class ListMemory<T> {
  readonly #known = new WeakMap<readonly T[], WholeList>()

  list(records: readonly T[], make: () => WholeList): EncodedList {
    const known = this.#known.get(records)
    if (known?.holds()) return known.list
    const made = make()
    this.#known.set(records, made)
    return made.list
  }
}
