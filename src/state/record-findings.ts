import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import { type Database, isSetAside } from './database.ts'
import type { Finding } from './finding.ts'
import type { RecordProblem } from './record-table.ts'

/**
 * What is wrong with the records now: a disk that takes no writes, damaged databases that lie there for somebody to look at,
 * and records that are not whole.
 *
 * @param isThere whether the record of that table and id is still there
 */
export function recordFindings(
  database: Database,
  problems: readonly RecordProblem[],
  isThere: (table: string, id: string) => boolean,
): Finding[] {
  return [...diskFindings(database), ...setAsideFindings(database), ...problems.flatMap(recordFinding(isThere))]
}

function diskFindings({ path, trouble, pending }: Database): Finding[] {
  if (trouble === undefined && pending.size === 0) return []
  const waiting = pending.size === 0 ? '' : `; ${pending.size} changes wait to be written`
  const problem = `cannot be written: ${trouble ?? 'its disk takes no writes'}${waiting}`
  return [{ kind: 'records', subject: path, problem, remedy: 'report' }]
}

function setAsideFindings({ path, setAside }: Database): Finding[] {
  return setAsideFiles(path).map((file) => {
    const why = setAside.find((each) => each.path === file)?.problem
    const what = why === undefined ? 'a damaged database' : `a damaged database (${why})`
    const problem = `${what} was set aside here; what could be read of it is served. Look at it, then move or delete it`
    return { kind: 'records', subject: file, problem, remedy: 'report' }
  })
}

function setAsideFiles(path: string): string[] {
  try {
    const names = readdirSync(dirname(path)).filter((name) => isSetAside(name, path))
    return names.sort().map((name) => join(dirname(path), name))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** What was restored is whole again: nothing is to be told of it. */
function recordFinding(isThere: (table: string, id: string) => boolean) {
  return ({ table, id, outcome, problem }: RecordProblem): Finding[] => {
    const subject = `${table}/${id}`
    const finding = (what: string): Finding[] => [{ kind: 'records', subject, problem: what, remedy: 'report' }]
    switch (outcome) {
      case 'restored':
        return []
      case 'newer':
        return isThere(table, id) ? finding(`${problem}; it is served as far as this version knows it`) : []
      case 'salvaged':
        return isThere(table, id) ? finding(`cannot be read whole: ${problem}; remove it with berth rmp or rm`) : []
      case 'unreadable':
        return finding(`cannot be read: ${problem}; it is kept as it is`)
      default:
        return outcome satisfies never
    }
  }
}
