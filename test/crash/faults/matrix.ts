import type { CrashCase } from './cases.ts'
import { type Victim, victims } from './scenario.ts'

/** What came of a case; `error` when it failed. */
export interface CaseResult {
  readonly crash: CrashCase
  readonly ms: number
  readonly error?: Error
}

/** A Markdown table: a line for each point of each operation, a column for each victim, passed runs of all runs. */
export function matrixOf(results: readonly CaseResult[]): string {
  const head = ['operation', 'point', ...victims]
  const byPoint = Map.groupBy(results, ({ crash }) => `${crash.scenario.operation}\n${crash.point}`)
  const rows = [...byPoint].map(([name, runs]) => [
    ...name.split('\n'),
    ...victims.map((victim) => count(runs, victim)),
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n')
}

function count(runs: readonly CaseResult[], victim: Victim): string {
  const of = runs.filter(({ crash }) => crash.victim === victim)
  return of.length === 0 ? '' : `${of.filter(({ error }) => !error).length}/${of.length}`
}
