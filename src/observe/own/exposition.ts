import type { Histogram, Tally } from '../../lib/tally.ts'

/** A metric with all that it has to say now. */
export interface Family {
  /** `berth_pods` */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

export interface Sample {
  /** What comes after the name of the family: `_bucket`. */
  readonly suffix?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

type Labels = Readonly<Record<string, string>>

export function gauge(name: string, help: string, samples: number | readonly Sample[]): Family {
  return { name, help, type: 'gauge', samples: typeof samples === 'number' ? [{ value: samples }] : samples }
}

export function counter(name: string, help: string, counts: number | Tally): Family {
  const samples =
    typeof counts === 'number'
      ? [{ value: counts }]
      : counts.entries().map(([values, value]) => ({ labels: labelled(counts.labels, values), value }))
  return { name, help, type: 'counter', samples }
}

export function histogram(name: string, help: string, times: Histogram): Family {
  const samples = times.entries().flatMap(([values, { counts, sum }]): Sample[] => {
    const labels = labelled(times.labels, values)
    let all = 0
    const buckets = [...counts].map((count, at) => {
      all += count
      const le = at < times.bounds.length ? String(times.bounds[at]) : '+Inf'
      return { suffix: '_bucket', labels: { ...labels, le }, value: all }
    })
    return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: all }]
  })
  return { name, help, type: 'histogram', samples }
}

/** How many there are with each value of a label; those of `known` also when there are none. */
export function counted(label: string, values: Iterable<string>, known: readonly string[] = []): Sample[] {
  const counts = new Map(known.map((value) => [value, 0]))
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, count]) => ({ labels: { [label]: value }, value: count }))
}

export const contentType = 'text/plain; version=0.0.4; charset=utf-8'

/** The text that Prometheus reads (Prometheus text format 0.0.4). */
export function exposition(families: readonly Family[]): string {
  const lines = families.flatMap(({ name, help, type, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ suffix = '', labels = {}, value }) => `${name}${suffix}${labelText(labels)} ${value}`),
  ])
  return `${lines.join('\n')}\n`
}

function labelled(names: readonly string[], values: readonly string[]): Labels {
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']))
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escaped = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
