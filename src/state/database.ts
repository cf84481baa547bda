import { chmodSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { errnoOf, messageOf } from '../lib/errors.ts'
import { span } from '../lib/span.ts'
import { type DatabaseContents, readContents, readContentsElsewhere } from './database-contents.ts'
import { cannotWrite, DamagedDatabase, isDamage, isDiskTrouble, isFull } from './database-errors.ts'
import { LogSync } from './log-sync.ts'
import { PendingWrites } from './pending-writes.ts'
import { RecordCopies, type RowCopy } from './record-copies.ts'
import type { Row } from './row.ts'

/** A database that was found damaged and put aside, as it was, under another name. */
export interface SetAside {
  readonly path: string
  /** What was wrong with it. */
  readonly problem: string
}

/**
 * The records of berthd: one SQLite file, in WAL mode. A record is a row of its kind's table: id, the schema version it was
 * written with, and its body as JSON.
 *
 * What is written is with the kernel when the call returns: no death of berthd loses it. It reaches the disk right after that,
 * without holding anything up. Who must not go on before it is there, because a power cut would leave something that nobody
 * knows of, awaits {@link Database.durable}.
 *
 * It opens always. A damaged file is set aside under another name, and what can be read of it goes into a new one. On a
 * disk that takes no writes, what is there is read, writes fail, and the file is opened again with the next write.
 */
export class Database {
  readonly path: string
  readonly copies: RecordCopies | undefined
  /** The files that this process has set aside. */
  readonly setAside: SetAside[] = []
  /** Facts that wait to be written. */
  readonly pending = new PendingWrites()
  /** The copies as they were at the opening, by table and id. */
  #copied: ReadonlyMap<string, ReadonlyMap<string, RowCopy>>
  /**
   * Copies know of writes that the database does not: it is older than they are (its WAL was lost, or the whole file), and they
   * are right.
   */
  readonly isBehind: boolean
  #connection: DatabaseSync | undefined
  #log: { readonly of: DatabaseSync; readonly sync: LogSync } | undefined
  /** What there was at the opening, when there is no connection. */
  #contents: DatabaseContents | undefined
  /** Why the last write failed; undefined when it did not. */
  #trouble: string | undefined
  /** Every table has been loaded: from now on the copies are never older than the database. */
  #isLoaded = false
  #depth = 0
  #afterCommit: (() => void)[] = []

  /** @param copies the folder for second copies of the records; none without it */
  constructor(path: string, copies?: string) {
    this.path = path
    this.copies = copies === undefined ? undefined : new RecordCopies(copies)
    try {
      this.#connection = connect(path)
    } catch (error) {
      if (isDamage(error)) this.#replace(error)
      else if (isDiskTrouble(error)) {
        this.#contents = readContentsElsewhere(path, copies === undefined ? [] : [copies])
        this.#trouble = messageOf(error)
      } else throw error
    }
    this.#copied = this.copies?.readAll() ?? new Map()
    this.isBehind = this.#newestCopy() > this.writes
  }

  /** The copies of a table's records as they were at the opening. */
  copiesOf(table: string): ReadonlyMap<string, RowCopy> {
    return this.#copied.get(table) ?? new Map()
  }

  /** To be called when every table has been loaded: what the database had lost is in it again, or waits to be written. */
  loaded(): void {
    const newest = this.#newestCopy()
    if (this.isBehind) this.pending.add('facts/writes', () => this.setFact('writes', newest))
    this.#isLoaded = true
    this.#copied = new Map()
  }

  #newestCopy(): number {
    let newest = 0
    for (const copies of this.#copied.values()) {
      for (const { writes } of copies.values()) newest = Math.max(newest, writes)
    }
    return newest
  }

  /** Why nothing can be written, as found by the last write; undefined when all is well. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Every row of a table. */
  rows(table: string): readonly Row[] {
    const connection = this.#connection
    if (!connection) return this.#contents?.tables.get(table) ?? []
    try {
      return readTable(connection, table)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#replace(error)
      return this.#connection ? readTable(this.#connection, table) : (this.#contents?.tables.get(table) ?? [])
    }
  }

  /** How many writes the database has seen, by any version of Berth. */
  get writes(): number {
    return Number(this.fact('writes') ?? 0)
  }

  /** Something that is known beside the records. */
  fact(name: string): string | undefined {
    const connection = this.#connection
    if (!connection) return this.#contents?.facts.get(name)
    const row = connection.prepare('SELECT value FROM facts WHERE name = ?').get(name)
    return row && String(row.value)
  }

  setFact(name: string, value: string | number): void {
    this.write((connection) =>
      connection.prepare('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)').run(name, value),
    )
  }

  /**
   * Runs `work`, which writes; what it wrote becomes durable soon. Throws resource-exhausted on a full disk,
   * failed-precondition on a read-only one, unknown on one that is broken; nothing is written then.
   */
  write<T>(work: (connection: DatabaseSync) => T): T {
    if (this.#depth > 0) return work(this.#open())
    this.#depth++
    try {
      const result = span('SQLite', () => this.#attempt(work))
      for (const follow of this.#afterCommit) follow()
      this.#trouble = undefined
      this.durable().catch((error) => {
        this.#trouble = messageOf(error)
      })
      return result
    } finally {
      this.#afterCommit = []
      this.#depth--
    }
  }

  /** Resolves when all that was written before the call is on disk; rejects with the error of fdatasync(2). */
  durable(): Promise<void> {
    return this.#connection ? (this.#logOf(this.#connection)?.synced() ?? Promise.resolve()) : Promise.resolve()
  }

  /** Runs `work` as one transaction: all its writes become durable together, before this returns, or none. */
  transaction<T>(work: () => T): T {
    const result = this.#transaction(work)
    if (this.#depth === 0 && this.#connection) this.#logOf(this.#connection)?.syncNow()
    return result
  }

  /** The write-ahead log of a connection; undefined for a database in memory. */
  #logOf(connection: DatabaseSync): LogSync | undefined {
    if (this.path === ':memory:') return undefined
    if (this.#log?.of !== connection) {
      this.#log?.sync[Symbol.dispose]()
      this.#log = { of: connection, sync: new LogSync(this.path) }
    }
    return this.#log.sync
  }

  #transaction<T>(work: () => T): T {
    return this.write((connection) => {
      connection.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        connection.exec('COMMIT')
        return result
      } catch (error) {
        if (connection.isOpen && connection.isTransaction) connection.exec('ROLLBACK')
        throw error
      }
    })
  }

  /** Calls `follow` when what is being written is with the kernel; never when it fails. */
  afterWrite(follow: () => void): void {
    this.#afterCommit.push(follow)
  }

  close(): void {
    this.pending.flush()
    this.pending.stop()
    this.#connection?.close()
    this.#connection = undefined
    this.#log?.sync[Symbol.dispose]()
  }

  #attempt<T>(work: (connection: DatabaseSync) => T): T {
    try {
      try {
        return work(this.#open())
      } catch (error) {
        if (!isDamage(error)) throw error
        this.#replace(error)
        return work(this.#open())
      }
    } catch (error) {
      if (!isDiskTrouble(error) && !isDamage(error)) throw error
      this.#trouble = messageOf(error)
      // What is open of a disk that went away and came back is of no more use.
      if (!isFull(error)) this.#disconnect()
      throw cannotWrite(this.path, error)
    }
  }

  #open(): DatabaseSync {
    this.#connection ??= connect(this.path)
    this.#contents = undefined
    return this.#connection
  }

  #disconnect(): void {
    const connection = this.#connection
    if (!connection) return
    this.#contents ??= contentsOf(connection)
    this.#connection = undefined
    try {
      connection.close()
    } catch {
      // It cannot write what it wants to write at its end.
    }
  }

  /** Sets the damaged file aside and begins a new one, with all that can be read of the old. */
  #replace(damage: unknown): void {
    const problem = messageOf(damage)
    try {
      this.#connection?.close()
    } catch {
      // It is damaged.
    }
    this.#connection = undefined
    const contents = readContents(this.path)
    this.#contents = contents
    try {
      const aside = rename(this.path)
      this.setAside.push({ path: aside, problem })
      const connection = connect(this.path)
      fill(connection, contents, this.#isLoaded ? this.copies?.readAll() : undefined)
      this.#connection = connection
      this.#contents = undefined
    } catch (error) {
      if (!isDiskTrouble(error)) throw error
      this.#trouble = `it is damaged (${problem}), and cannot be replaced: ${messageOf(error)}`
    }
  }
}

/** Opens or makes the database at `path`; `:memory:` for tests. */
export function openDatabase(path: string, copies?: string): Database {
  return new Database(path, copies)
}

function connect(path: string): DatabaseSync {
  const inMemory = path === ':memory:'
  if (!inMemory) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 })
    // SQLite takes an empty file for a new database.
    if (statSync(path, { throwIfNoEntry: false })?.size === 0) throw new DamagedDatabase('the file is empty')
  }
  const connection = new DatabaseSync(path)
  try {
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000')
    // Records hold what users give: environments, CNI configurations. SQLite gives its other files the same mode.
    if (!inMemory && (statSync(path).mode & 0o777) !== 0o600) chmodSync(path, 0o600)
    const [found] = connection.prepare('PRAGMA quick_check(3)').all()
    if (found?.quick_check !== 'ok') throw new DamagedDatabase(String(found?.quick_check).replaceAll('\n', ' '))
    // The first write: a disk that takes none is found out now.
    connection.exec(`
      CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
      INSERT INTO facts (name, value) VALUES ('writes', 0) ON CONFLICT DO UPDATE SET value = value;`)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/**
 * Makes a table for records. Whoever changes it counts the write, older versions of Berth too: it is the database that does.
 */
export function makeTable(connection: DatabaseSync, table: string): void {
  const count = `UPDATE facts SET value = value + 1 WHERE name = 'writes'`
  connection.exec(`
    CREATE TABLE IF NOT EXISTS ${table} (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS ${table}_put AFTER INSERT ON ${table} BEGIN ${count}; END;
    CREATE TRIGGER IF NOT EXISTS ${table}_deleted AFTER DELETE ON ${table} BEGIN ${count}; END;`)
}

function hasTable(connection: DatabaseSync, table: string): boolean {
  return connection.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table) !== undefined
}

function readTable(connection: DatabaseSync, table: string): Row[] {
  if (!hasTable(connection, table)) return []
  const rows = connection.prepare(`SELECT id, version, body FROM ${table} ORDER BY id`).all()
  return rows.map(({ id, version, body }) => ({ id: String(id), version: Number(version), body: String(body) }))
}

/** For the time until it can be opened again. */
function contentsOf(connection: DatabaseSync): DatabaseContents {
  try {
    const facts = connection.prepare('SELECT name, value FROM facts').all()
    return { tables: new Map(), facts: new Map(facts.map(({ name, value }) => [String(name), String(value)])) }
  } catch {
    return { tables: new Map(), facts: new Map() }
  }
}

/** @param copies what is newer than the contents */
function fill(
  connection: DatabaseSync,
  { tables, facts }: DatabaseContents,
  copies: ReadonlyMap<string, ReadonlyMap<string, RowCopy>> = new Map(),
): void {
  let writes = 0
  connection.exec('BEGIN IMMEDIATE')
  for (const table of new Set([...tables.keys(), ...copies.keys()])) {
    // Rows that could not be read have a table of their own, which comes over as it is.
    makeTable(connection, table)
    const put = connection.prepare(`INSERT OR REPLACE INTO ${table} (id, version, body) VALUES (?, ?, ?)`)
    for (const { id, version, body } of tables.get(table) ?? []) put.run(id, version, body)
    for (const copy of copies.get(table)?.values() ?? []) {
      put.run(copy.id, copy.version, copy.body)
      writes = Math.max(writes, copy.writes)
    }
  }
  const note = connection.prepare('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)')
  for (const [name, value] of facts) if (name !== 'writes') note.run(name, value)
  if (writes > 0) note.run('writes', writes)
  connection.exec('COMMIT')
}

/** Under a name with the time in it, with the files that SQLite has beside it; answers the new path. */
function rename(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`
  renameSync(path, aside)
  rmSync(`${path}-shm`, { force: true })
  try {
    renameSync(`${path}-wal`, `${aside}-wal`)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  return aside
}

/** Whether a file beside the database is one that was set aside. */
export function isSetAside(name: string, database: string): boolean {
  return name.startsWith(`${basename(database)}.damaged-`) && !/-(wal|shm)$/.test(name)
}
