import type { Database } from './database.ts'
import { type RecordKind, RecordTable, type UnreadableRecord } from './record-table.ts'

/** Records of one kind, all of them in memory, every change durable before it shows. */
export class Store<T extends { readonly id: string }> {
  readonly #table: RecordTable<T>
  readonly #records: Map<string, T>
  /** Rows that this version cannot read; they stay in the database. */
  readonly unreadable: readonly UnreadableRecord[]

  constructor(database: Database, kind: RecordKind<T>) {
    this.#table = new RecordTable(database, kind)
    const { records, unreadable } = this.#table.load()
    this.#records = records
    this.unreadable = unreadable
  }

  get(id: string): T | undefined {
    return this.#records.get(id)
  }

  all(): MapIterator<T> {
    return this.#records.values()
  }

  put(record: T): T {
    this.#table.put(record.id, record)
    this.#records.set(record.id, record)
    return record
  }

  /** Applies `change` to the record as it is now; undefined when it is gone, and nothing is written when nothing changes. */
  update(id: string, change: (record: T) => T): T | undefined {
    const before = this.#records.get(id)
    if (!before) return undefined
    const after = change(before)
    return after === before ? before : this.put(after)
  }

  delete(id: string): void {
    this.#table.delete(id)
    this.#records.delete(id)
  }
}
