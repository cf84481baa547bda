import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Row } from './row.ts'

/** All that could be read of a database. */
export interface DatabaseContents {
  /** By table. */
  readonly tables: ReadonlyMap<string, readonly Row[]>
  readonly facts: ReadonlyMap<string, string>
}

const nothing: DatabaseContents = { tables: new Map(), facts: new Map() }

/** Reads whatever can be read of a database that is damaged. Never throws. */
export function readContents(path: string): DatabaseContents {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(path, { readOnly: true })
  } catch {
    return nothing
  }
  try {
    const tables = new Map<string, Row[]>()
    const facts = new Map<string, string>()
    for (const name of tableNames(database)) {
      if (name !== 'facts') tables.set(name, readRows(database, name))
      else {
        for (const { name, value } of readBothWays(database, 'facts', 'name')) facts.set(String(name), String(value))
      }
    }
    return { tables, facts }
  } catch {
    return nothing
  } finally {
    database.close()
  }
}

/** The same of a database that is sound but cannot be opened where it is: SQLite wants to write beside it. */
export function readContentsElsewhere(path: string, folders: readonly string[]): DatabaseContents {
  for (const folder of [...folders, tmpdir()]) {
    let copy: string | undefined
    try {
      copy = mkdtempSync(join(folder, 'reading-'))
      for (const suffix of ['', '-wal']) {
        if (existsSync(path + suffix)) copyFileSync(path + suffix, join(copy, `copy.db${suffix}`))
      }
      const contents = readContents(join(copy, 'copy.db'))
      if (contents.tables.size > 0) return contents
    } catch {
      // No room there either.
    } finally {
      if (copy !== undefined) rmSync(copy, { recursive: true, force: true })
    }
  }
  return nothing
}

function tableNames(database: DatabaseSync): string[] {
  const rows = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  return rows.map(({ name }) => String(name)).filter((name) => /^[a-z_]+$/.test(name) && !name.startsWith('sqlite_'))
}

function readRows(database: DatabaseSync, table: string): Row[] {
  return readBothWays(database, table, 'id').flatMap(({ id, version, body }) =>
    typeof id === 'string' && typeof version === 'number' && typeof body === 'string' ? [{ id, version, body }] : [],
  )
}

/** A page that cannot be read ends the walk over a table: from the other end it comes as far as the same page. */
function readBothWays(database: DatabaseSync, table: string, key: string): Record<string, unknown>[] {
  const rows = new Map<unknown, Record<string, unknown>>()
  for (const order of ['ASC', 'DESC']) {
    try {
      for (const row of database.prepare(`SELECT * FROM ${table} ORDER BY ${key} ${order}`).iterate()) {
        rows.set(row[key], row)
      }
      return [...rows.values()]
    } catch {
      // What was read until then counts.
    }
  }
  return [...rows.values()]
}
