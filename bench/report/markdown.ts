import type { Measurement } from '../run/measurements.ts'
import { medianRatio, quantile } from '../statistics.ts'
import { short } from './number.ts'
import type { EndpointName, Results } from './results.ts'
import { compareWithTargets, type Outcome } from './targets.ts'

/** The results for a reader: the machine, a table of all metrics with ratios, the targets, notes. */
export function markdownOf(results: Results): string {
  const [first] = results.endpoints
  if (!first) return ''
  const outcomes = compareWithTargets(results)
  const parts = [
    `# ${results.endpoints.map(({ name }) => name).join(', ')}: ${results.startedAt}`,
    surroundings(results),
    section('What did not work', results.failures.map(bullet)),
    section('Results', [
      'Each cell: p50 (p95). The ratio is the median, over the rounds, of ' +
        `${first.name}'s value divided by the other's in the same round.`,
      '',
      ...tableOfAll(results),
    ]),
    section('Targets', outcomes.length === 0 ? [] : tableOfTargets(outcomes)),
    section('Notes', results.notes.map(bullet)),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function surroundings({ machine, endpoints, image, rounds, seconds }: Results): string {
  const lines = [
    `Machine: ${machine.cpus} × ${machine.cpuModel}, ${machine.memoryMib} MiB, Linux ${machine.kernel}, ${machine.system}; ` +
      `${machine.ociRuntime}; Node ${machine.node}.`,
    ...endpoints.map(({ name, runtimeName, runtimeVersion }) => `${name}: ${runtimeName} ${runtimeVersion}.`),
    `Image ${image}, ${rounds} rounds, ${Math.round(seconds)} s in all; load average ${machine.loadAtStart.map(short).join(' ')} at the start.`,
  ]
  return lines.map(bullet).join('\n')
}

function tableOfAll({ endpoints, measurements }: Results): string[] {
  const [first, ...others] = endpoints
  if (!first) return []
  const head = [
    'metric',
    ...endpoints.map(({ name }) => name),
    ...others.map(({ name }) => `${first.name} / ${name}`),
    'rounds',
  ]
  const rows = measurements.map((measurement) => [
    titleOf(measurement),
    ...endpoints.map((endpoint) => cell(measurement, endpoint)),
    ...others.map((other) => short(medianRatio(valuesOf(measurement, first), valuesOf(measurement, other)))),
    String(Math.max(...endpoints.map((endpoint) => valuesOf(measurement, endpoint).length))),
  ])
  return table(head, rows)
}

export function titleOf({ title, unit, pods }: Measurement): string {
  return `${title}${pods === undefined ? '' : `, ${pods} pods`}, ${unit}`
}

const valuesOf = ({ values }: Measurement, { name }: EndpointName) => values[name] ?? []

function cell(measurement: Measurement, endpoint: EndpointName): string {
  const values = valuesOf(measurement, endpoint)
  if (values.length === 0) return '–'
  const [middle, high] = [quantile(values, 0.5), quantile(values, 0.95)].map(short)
  return values.length === 1 ? `${middle}` : `${middle} (${high})`
}

function tableOfTargets(outcomes: readonly Outcome[]): string[] {
  const rows = outcomes.map(({ what, target, measured, met }) => [what, target, measured, met ? 'yes' : 'no'])
  return table(['what', 'target', 'measured', 'met'], rows)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)]
}

const bullet = (text: string) => `- ${text}`

const section = (title: string, lines: readonly string[]) =>
  lines.length === 0 ? '' : `## ${title}\n\n${lines.join('\n')}`
