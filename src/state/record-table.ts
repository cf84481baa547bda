import type { StatementSync } from 'node:sqlite'
import type { Database } from './database.ts'

/** What a kind of record needs to be kept: its table, its schema version, and how to read older versions. */
export interface RecordKind<T> {
  /** The table's name; a plain identifier. */
  readonly table: string
  /** Raised whenever the shape of the body changes. */
  readonly version: number
  /** The body of a record written with `version` as today's shape. Throws when it cannot be read. */
  readonly decode: (body: unknown, version: number) => T
  /** The body as plain JSON data (bigints as strings). */
  readonly encode: (record: T) => unknown
}

/** A row that `decode` refused. It stays in the table untouched: nothing that cannot be read is deleted. */
export interface UnreadableRecord {
  readonly id: string
  readonly version: number
  readonly error: unknown
}

/** The records of one kind, by id. Every write is durable when it returns. */
export class RecordTable<T> {
  readonly #kind: RecordKind<T>
  readonly #put: StatementSync
  readonly #delete: StatementSync
  readonly #all: StatementSync

  constructor(database: Database, kind: RecordKind<T>) {
    if (!/^[a-z_]+$/.test(kind.table)) throw new TypeError(`not a table name: ${kind.table}`)
    this.#kind = kind
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${kind.table} (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID`,
    )
    this.#put = database.prepare(`INSERT OR REPLACE INTO ${kind.table} (id, version, body) VALUES (?, ?, ?)`)
    this.#delete = database.prepare(`DELETE FROM ${kind.table} WHERE id = ?`)
    this.#all = database.prepare(`SELECT id, version, body FROM ${kind.table} ORDER BY id`)
  }

  put(id: string, record: T): void {
    this.#put.run(id, this.#kind.version, JSON.stringify(this.#kind.encode(record)))
  }

  /** Deletes the record; no error when there is none. */
  delete(id: string): void {
    this.#delete.run(id)
  }

  /** Every record, and the rows that cannot be read. */
  load(): { readonly records: Map<string, T>; readonly unreadable: readonly UnreadableRecord[] } {
    const records = new Map<string, T>()
    const unreadable: UnreadableRecord[] = []
    for (const row of this.#all.all()) {
      const id = String(row.id)
      const version = Number(row.version)
      try {
        if (version > this.#kind.version) throw new Error(`it was written by a newer Berth (schema version ${version})`)
        records.set(id, this.#kind.decode(JSON.parse(String(row.body)), version))
      } catch (error) {
        unreadable.push({ id, version, error })
      }
    }
    return { records, unreadable }
  }
}
