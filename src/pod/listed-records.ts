/** What a store is to this: its records, and how often they have changed. */
interface Source<T> {
  readonly changes: number
  all(): Iterable<T>
}

/** The records that the API shows, newest first: all but those of what is only being made. The list is made anew after a change alone. */
export class ListedRecords<T extends { readonly createdAt: bigint; readonly state: { readonly phase: string } }> {
  readonly #source: Source<T>
  #records: readonly T[] = []
  #madeAt = -1

  constructor(source: Source<T>) {
    this.#source = source
  }

  /** The same array as long as no record has changed. */
  all(): readonly T[] {
    if (this.#madeAt !== this.#source.changes) {
      const listed = [...this.#source.all()].filter(({ state }) => state.phase !== 'creating')
      this.#records = listed.sort((a, b) => (a.createdAt > b.createdAt ? -1 : a.createdAt < b.createdAt ? 1 : 0))
      this.#madeAt = this.#source.changes
    }
    return this.#records
  }
}
