import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { messageOf } from '../lib/errors.ts'
import { type Database, makeTable } from './database.ts'
import type { Row } from './row.ts'
import { setRowAside } from './unreadable-rows.ts'

/** What a kind of record needs to be kept: its table, its schema version, and how to read other versions. */
export interface RecordKind<T> {
  /** The table's name; a plain identifier. */
  readonly table: string
  /** Raised whenever the shape of the body changes. */
  readonly version: number
  /**
   * The body of a record written with `version` as today's shape; of a newer version too, as far as it has today's shape.
   * Throws when it cannot be read whole.
   */
  readonly decode: (body: unknown, version: number, id: string) => T
  /**
   * What can be made of a body that `decode` refuses (undefined when it is not even JSON). Never throws; undefined when the
   * id itself is not one. Without it such a record is not served.
   */
  readonly salvage?: (id: string, body: unknown, problem: string) => T | undefined
  /** The body as plain JSON data (bigints as strings). */
  readonly encode: (record: T) => unknown
}

/** A row that `decode` refused. It stays in the table untouched: nothing that cannot be read is deleted. */
export interface UnreadableRecord {
  readonly id: string
  readonly version: number
  readonly error: unknown
}

/** What was not as it should be with a record when it was loaded. */
export interface RecordProblem {
  readonly table: string
  readonly id: string
  readonly version: number
  /**
   * `restored`: it is whole again, from its copy. `newer`: of a newer version of Berth, read as far as this one knows it.
   * `salvaged`: only parts of it could be read. `unreadable`: nothing could, and it is not served.
   */
  readonly outcome: 'restored' | 'newer' | 'salvaged' | 'unreadable'
  readonly problem: string
}

export interface LoadedRecords<T> {
  readonly records: Map<string, T>
  readonly unreadable: readonly UnreadableRecord[]
  readonly problems: readonly RecordProblem[]
}

/** The records of one kind, by id. What is written becomes durable soon ({@link RecordTable.durable}). */
export class RecordTable<T> {
  readonly #kind: RecordKind<T>
  readonly #database: Database
  #statements: { readonly of: DatabaseSync; readonly put: StatementSync; readonly delete: StatementSync } | undefined
  /** Rows that are to be kept as they are before they are written over or deleted, with the reason. */
  readonly #precious = new Map<string, { readonly row: Row; readonly problem: string }>()

  constructor(database: Database, kind: RecordKind<T>) {
    if (!/^[a-z_]+$/.test(kind.table)) throw new TypeError(`not a table name: ${kind.table}`)
    this.#kind = kind
    this.#database = database
    database.copies?.prepare(kind.table)
  }

  /** Writes the record, or throws what {@link Database.write} throws. */
  put(id: string, record: T): void {
    this.#put(this.#rowOf(id, record))
    this.#database.pending.drop(this.#key(id))
  }

  /** Resolves when all that was written before the call is on disk. */
  durable(): Promise<void> {
    return this.#database.durable()
  }

  /** Writes a fact: now, or when the disk takes it. */
  note(id: string, record: T): void {
    this.#database.pending.add(this.#key(id), () => this.#put(this.#rowOf(id, record)))
  }

  /** Deletes the record: now, or when the disk takes it. No error when there is none. */
  delete(id: string): void {
    this.#database.copies?.delete(this.#kind.table, id)
    this.#database.pending.add(this.#key(id), () => this.#delete(id))
  }

  /**
   * Every record, and the rows that cannot be read. A row that the database has lost, or that cannot be read, comes from its
   * copy when there is one.
   */
  load(): LoadedRecords<T> {
    const { table } = this.#kind
    const rows = new Map(this.#database.rows(table).map((row) => [row.id, row]))
    const { isBehind } = this.#database
    const copies = this.#database.copiesOf(table)
    const records = new Map<string, T>()
    const unreadable: UnreadableRecord[] = []
    const problems: RecordProblem[] = []
    const report = (outcome: RecordProblem['outcome'], { id, version }: Row, problem: string) =>
      problems.push({ table, id, version, outcome, problem })

    for (const id of new Set([...rows.keys(), ...(isBehind ? copies.keys() : [])])) {
      const row = rows.get(id)
      const copy = copies.get(id)
      if (copy && isBehind && copy.body !== row?.body) {
        const read = this.#read(copy)
        if ('record' in read) {
          records.set(id, read.record)
          if (row && !('record' in this.#read(row))) this.#precious.set(id, { row, problem: 'it could not be read' })
          report('restored', copy, row ? 'the database had an older one' : 'the database had lost it')
          this.#repair(copy)
          continue
        }
      }
      if (!row) continue
      const read = this.#read(row)
      if ('record' in read) {
        records.set(id, read.record)
        if (row.version > this.#kind.version) {
          const problem = `it was written by a newer Berth (schema version ${row.version})`
          report('newer', row, problem)
          this.#precious.set(id, { row, problem })
        }
        if (copy?.body !== row.body) this.#copy(row)
        continue
      }
      const problem = messageOf(read.error)
      this.#precious.set(id, { row, problem })
      const second = copy && this.#read(copy)
      if (second && 'record' in second) {
        records.set(id, second.record)
        report('restored', row, problem)
        this.#repair(copy)
        continue
      }
      const salvaged = this.#kind.salvage?.(id, parsed(row.body), problem)
      if (salvaged) records.set(id, salvaged)
      else unreadable.push({ id, version: row.version, error: read.error })
      report(salvaged ? 'salvaged' : 'unreadable', row, problem)
    }
    // Deleted just before berthd ended, or in its absence by one that makes no copies.
    if (!isBehind) for (const id of copies.keys()) if (!rows.has(id)) this.#database.copies?.delete(table, id)
    return { records, unreadable, problems }
  }

  #read({ id, version, body }: Row): { readonly record: T } | { readonly error: unknown } {
    try {
      return { record: this.#kind.decode(JSON.parse(body), version, id) }
    } catch (error) {
      return { error }
    }
  }

  #rowOf(id: string, record: T): Row {
    return { id, version: this.#kind.version, body: JSON.stringify(this.#kind.encode(record)) }
  }

  /** Puts a row from its copy into the database again. */
  #repair(row: Row): void {
    this.#database.pending.add(this.#key(row.id), () => this.#put(row))
  }

  #put(row: Row): void {
    this.#database.write((connection) => {
      this.#keepPrecious(row.id, connection)
      this.#prepared(connection).put.run(row.id, row.version, row.body)
      this.#database.afterWrite(() => this.#copy(row))
    })
  }

  #delete(id: string): void {
    this.#database.write((connection) => {
      this.#keepPrecious(id, connection)
      this.#prepared(connection).delete.run(id)
    })
  }

  #keepPrecious(id: string, connection: DatabaseSync): void {
    const precious = this.#precious.get(id)
    if (!precious) return
    setRowAside(connection, this.#kind.table, precious.row, precious.problem)
    this.#database.afterWrite(() => this.#precious.delete(id))
  }

  #copy(row: Row): void {
    this.#database.copies?.put(this.#kind.table, row, this.#database.writes)
  }

  #prepared(connection: DatabaseSync) {
    if (this.#statements?.of === connection) return this.#statements
    const { table } = this.#kind
    makeTable(connection, table)
    this.#statements = {
      of: connection,
      put: connection.prepare(`INSERT OR REPLACE INTO ${table} (id, version, body) VALUES (?, ?, ?)`),
      delete: connection.prepare(`DELETE FROM ${table} WHERE id = ?`),
    }
    return this.#statements
  }

  #key(id: string): string {
    return `${this.#kind.table}/${id}`
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
