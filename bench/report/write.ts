import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Measurement } from '../run/measurements.ts'
import { barChart } from './bar-chart.ts'
import { lineChart } from './line-chart.ts'
import { markdownOf } from './markdown.ts'
import type { Results } from './results.ts'

/** Writes results.json, results.md and the charts into a new folder, named by the time, below `output`; answers its path. */
export function writeResults(results: Results, output: string): string {
  const folder = join(output, results.startedAt.replaceAll(':', '-').replace(/\.\d+Z$/, 'Z'))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results, undefined, 1)}\n`)
  writeFileSync(join(folder, 'results.md'), markdownOf(results))
  for (const [name, picture] of chartsOf(results)) writeFileSync(join(folder, `${name}.svg`), picture)
  return folder
}

/** A bar chart for each case, and a line chart for each metric that was measured at several numbers of pods. */
function chartsOf({ measurements, endpoints }: Results): [name: string, picture: string][] {
  const names = endpoints.map(({ name }) => name)
  const caseOf = ({ id }: Measurement) => id.split('.')[0] ?? id
  const plain = Map.groupBy(
    measurements.filter(({ pods }) => pods === undefined),
    caseOf,
  )
  const byPods = Map.groupBy(
    measurements.filter(({ pods }) => pods !== undefined),
    ({ id }) => id,
  )
  return [
    ...[...plain].map(([name, group]): [string, string] => [name, barChart(name, group, names)]),
    ...[...byPods].map(([id, group]): [string, string] => [id, lineChart(group, names)]),
  ]
}
