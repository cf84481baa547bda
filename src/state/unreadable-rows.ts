import type { DatabaseSync } from 'node:sqlite'
import type { Row } from './row.ts'

/**
 * Keeps a row that could not be read whole, before it is written over or deleted, for a person to look at:
 *
 *     sqlite3 /var/lib/berth/berth.db 'SELECT * FROM unreadable'
 */
export function setRowAside(connection: DatabaseSync, table: string, row: Row, problem: string): void {
  connection.exec(`
    CREATE TABLE IF NOT EXISTS unreadable (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID`)
  const at = new Date().toISOString()
  const body = JSON.stringify({ table, id: row.id, problem, at, body: row.body })
  connection
    .prepare('INSERT OR REPLACE INTO unreadable (id, version, body) VALUES (?, ?, ?)')
    .run(`${at} ${table} ${row.id}`, row.version, body)
}
