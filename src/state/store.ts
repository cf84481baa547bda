import type { Database } from './database.ts'
import { type RecordKind, type RecordProblem, RecordTable, type UnreadableRecord } from './record-table.ts'

/** A record before and after a change: undefined before it was made and after it was deleted. */
export type RecordListener<T> = (before: T | undefined, after: T | undefined) => void

/**
 * Records of one kind, all of them in memory. Intents are written before they show ({@link Store.put},
 * {@link Store.update}); facts show at once and are written as soon as the disk takes them ({@link Store.note},
 * {@link Store.delete}).
 */
export class Store<T extends { readonly id: string }> {
  readonly #table: RecordTable<T>
  readonly #records: Map<string, T>
  readonly #listeners: RecordListener<T>[] = []
  #changes = 0
  /** Rows that this version cannot read; they stay in the database. */
  readonly unreadable: readonly UnreadableRecord[]
  /** What was not as it should be when the records were loaded. */
  readonly problems: readonly RecordProblem[]

  constructor(database: Database, kind: RecordKind<T>) {
    this.#table = new RecordTable(database, kind)
    const { records, unreadable, problems } = this.#table.load()
    this.#records = records
    this.unreadable = unreadable
    this.problems = problems
  }

  /** How often records have changed, been made or deleted since the start. */
  get changes(): number {
    return this.#changes
  }

  get(id: string): T | undefined {
    return this.#records.get(id)
  }

  all(): MapIterator<T> {
    return this.#records.values()
  }

  put(record: T): T {
    const before = this.#records.get(record.id)
    this.#table.put(record.id, record)
    this.#show(record)
    this.#tell(before, record)
    return record
  }

  /** A record of what has been there all along: it shows whether or not it can be written. */
  add(record: T): void {
    const before = this.#records.get(record.id)
    this.#show(record)
    this.#table.note(record.id, record)
    this.#tell(before, record)
  }

  /** Calls `listener` after every change from now on, synchronously: the stores are as the change left them. */
  watch(listener: RecordListener<T>): void {
    this.#listeners.push(listener)
  }

  /** Applies `change` to the record as it is now; undefined when it is gone, and nothing is written when nothing changes. */
  update(id: string, change: (record: T) => T): T | undefined {
    const before = this.#records.get(id)
    if (!before) return undefined
    const after = change(before)
    return after === before ? before : this.put(after)
  }

  /**
   * Applies a change that has happened already, whether or not it can be written: on a full disk a container's end must show
   * all the same. The write is tried again until it succeeds.
   */
  note(id: string, change: (record: T) => T): T | undefined {
    const before = this.#records.get(id)
    if (!before) return undefined
    const after = change(before)
    if (after === before) return before
    this.#show(after)
    this.#table.note(id, after)
    this.#tell(before, after)
    return after
  }

  /** The object is gone, whether or not that can be written. */
  delete(id: string): void {
    const before = this.#records.get(id)
    this.#table.delete(id)
    this.#records.delete(id)
    this.#changes++
    if (before) this.#tell(before, undefined)
  }

  #show(record: T): void {
    this.#records.set(record.id, record)
    this.#changes++
  }

  #tell(before: T | undefined, after: T | undefined): void {
    for (const listener of this.#listeners) listener(before, after)
  }
}
