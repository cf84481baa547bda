import type { Logger } from '../lib/log.ts'
import { readBootId } from '../linux/boot-id.ts'
import type { RecordKeeping } from '../pod/record-keeping.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { Database } from '../state/database.ts'
import { recordFindings } from '../state/record-findings.ts'
import type { RecordProblem } from '../state/record-table.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { Store } from '../state/store.ts'

interface Records {
  readonly database: Database
  readonly sandboxes: Store<SandboxRecord>
  readonly containers: Store<ContainerRecord>
  readonly network: { readonly problems: readonly RecordProblem[] }
  readonly images: { readonly problems: readonly RecordProblem[] }
  readonly log: Logger
}

/** Says in the log what state the records were found in, and tells the pod room. To be called when all are loaded. */
export function recordKeeping({ database, sandboxes, containers, network, images, log }: Records): RecordKeeping {
  const problems = [sandboxes, containers, network, images].flatMap((each) => each.problems)
  for (const { path, problem } of database.setAside) {
    log.error({ path, problem }, 'the database was damaged; it is set aside, and what can be read of it is served')
  }
  if (database.trouble !== undefined) {
    const { path, trouble } = database
    log.error({ path, error: trouble }, 'the database cannot be written; what is in it is served')
  }
  for (const { table, id, version, outcome, problem } of problems) {
    log.error({ table, id, version, problem }, `a record was not as it should be: ${outcome}`)
  }
  const bootOnRecord = database.fact('boot')
  const rebooted = bootOnRecord !== undefined && bootOnRecord !== readBootId()
  if (rebooted) log.warn({}, 'the machine was restarted: no pod of before runs any more')
  return {
    lost: hasLostRecords(database),
    rebooted,
    findings: () => recordFindings(database, problems, isThere),
  }

  function isThere(table: string, id: string): boolean {
    if (table === 'sandboxes') return sandboxes.get(id) !== undefined
    if (table === 'containers') return containers.get(id) !== undefined
    return true
  }
}

/** Whether there may be things on the machine whose records went with a damaged database. */
export function hasLostRecords(database: Database): boolean {
  return database.setAside.length > 0 || database.isBehind
}

/** Notes that the records are of this boot of the machine. To be called when what an earlier one left is dealt with. */
export function noteBoot(database: Database): void {
  const boot = readBootId()
  if (database.fact('boot') !== boot) database.pending.add('facts/boot', () => database.setFact('boot', boot))
}
