import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Row } from './row.ts'

/** A row as its copy has it. */
export interface RowCopy extends Row {
  /** How many writes the database had seen with this one. */
  readonly writes: number
}

/**
 * Second copies of the records, a file each, in a folder that is gone after a reboot (`/run/berth/records`): while there are
 * containers that run, the loss of the database loses none of them. A copy is written after its row and deleted before it,
 * so that a copy without a row means that the database has lost the row.
 *
 * Nothing is synced: after a reboot there is nothing that runs. A copy that cannot be written or read is one less.
 */
export class RecordCopies {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    // Records hold what users give: environments, CNI configurations.
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  /** Makes the folder of a table. */
  prepare(table: string): void {
    mkdirSync(join(this.folder, table), { recursive: true, mode: 0o700 })
  }

  put(table: string, { id, version, body }: Row, writes: number): void {
    const path = this.#path(table, id)
    try {
      writeFileSync(`${path}.new`, `${version} ${writes}\n${body}`, { mode: 0o600 })
      renameSync(`${path}.new`, path)
    } catch {
      // An older one must not pass for this one.
      this.delete(table, id)
    }
  }

  /** No error when there is none. */
  delete(table: string, id: string): void {
    rmSync(this.#path(table, id), { force: true })
  }

  /** Every copy that can be read, by table and id. */
  readAll(): Map<string, Map<string, RowCopy>> {
    const tables = readdirSync(this.folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    return new Map(tables.map(({ name }) => [name, this.#readTable(name)]))
  }

  #readTable(table: string): Map<string, RowCopy> {
    const copies = new Map<string, RowCopy>()
    for (const name of readdirSync(join(this.folder, table))) {
      const copy = name.endsWith('.new') ? undefined : readCopy(join(this.folder, table, name), name)
      if (copy) copies.set(copy.id, copy)
    }
    return copies
  }

  #path(table: string, id: string): string {
    return join(this.folder, table, encodeURIComponent(id))
  }
}

function readCopy(path: string, name: string): RowCopy | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    const [head, version, writes] = /^(\d+) (\d+)\n/.exec(text) ?? []
    if (head === undefined) return undefined
    const body = text.slice(head.length)
    return { id: decodeURIComponent(name), version: Number(version), writes: Number(writes), body }
  } catch {
    return undefined
  }
}
