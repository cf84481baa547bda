import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * The records of berthd: one SQLite file, WAL, every write durable before it returns (synchronous=FULL; about 0.15 ms).
 * A record is a row of its kind's table: id, the schema version it was written with, and its body as JSON.
 */
export type Database = DatabaseSync

/** Opens or makes the database at `path`; `:memory:` for tests. */
export function openDatabase(path: string): Database {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o711 })
  const database = new DatabaseSync(path)
  // Records hold what users give: environments, CNI configurations. SQLite gives its other files the same mode.
  if (path !== ':memory:') chmodSync(path, 0o600)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
  return database
}

/** Runs `work` as one transaction: all its writes become durable together, or none. */
export function inTransaction<T>(database: Database, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
