import { formatTable } from './format/table.ts'

/** Something that berthd found not to be in order. */
export interface Finding {
  readonly kind: string
  readonly subject: string
  readonly problem: string
  readonly remedy: 'sweep' | 'repair' | 'report'
  readonly error?: string
}

const remedies = { sweep: 'gc sweeps it', repair: 'gc repairs it', report: '' }

/** @param done the remedies have been tried */
export function findingTable(findings: readonly Finding[], done = false): string {
  const remedyOf = ({ remedy, error }: Finding) => {
    if (error !== undefined) return `failed: ${error}`
    if (!done || remedy === 'report') return remedies[remedy]
    return remedy === 'sweep' ? 'swept' : 'repaired'
  }
  const rows = findings.map((finding) => [finding.kind, finding.subject, finding.problem, remedyOf(finding)])
  return formatTable([['KIND', 'SUBJECT', 'PROBLEM', 'REMEDY'], ...rows])
}
