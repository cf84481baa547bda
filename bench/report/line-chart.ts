import type { Measurement } from '../run/measurements.ts'
import { median } from '../statistics.ts'
import { short } from './number.ts'
import { colourOf, svg, text } from './svg.ts'

const left = 70
const top = 50
const plotWidth = 520
const plotHeight = 240

/** One metric over the number of pods present: a line of p50 for each endpoint. */
export function lineChart(measurements: readonly Measurement[], endpoints: readonly string[]): string {
  const [first] = measurements
  if (!first) throw new Error('a line chart of nothing')
  const lines = endpoints.map((name) =>
    measurements.flatMap(({ pods = 0, values }) => {
      const value = median(values[name] ?? [])
      return Number.isNaN(value) ? [] : [{ pods, value }]
    }),
  )
  const points = lines.flat()
  const mostPods = Math.max(...points.map(({ pods }) => pods), 1)
  const highest = Math.max(...points.map(({ value }) => value), Number.MIN_VALUE)
  const x = (pods: number) => left + (pods / mostPods) * plotWidth
  const y = (value: number) => top + plotHeight - (Math.max(0, value) / highest) * plotHeight
  const shapes = [
    text(12, 24, `${first.title}, ${first.unit}, by pods present`, { size: 16 }),
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      `<path d="M${left} ${y(share * highest).toFixed(1)}h${plotWidth}" stroke="#ddd"/>`,
      text(left - 8, y(share * highest) + 4, short(share * highest), { anchor: 'end', size: 11 }),
    ]),
    ...new Set(points.map(({ pods }) => pods))
      .values()
      .map((pods) => text(x(pods), top + plotHeight + 18, String(pods), { anchor: 'middle', size: 11 })),
    ...lines.flatMap((line, at) => lineOf(line, colourOf(at))),
    ...endpoints.map((name, at) => legend(name, at)),
  ]
  return svg(left + plotWidth + 150, top + plotHeight + 34, shapes)

  function lineOf(line: readonly { pods: number; value: number }[], colour: string): string[] {
    const at = line.map(({ pods, value }) => [x(pods).toFixed(1), y(value).toFixed(1)] as const)
    return [
      `<polyline points="${at.map((point) => point.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...at.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
    ]
  }
}

function legend(name: string, at: number): string {
  const y = top + 14 + at * 20
  const x = left + plotWidth + 16
  return `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colourOf(at)}"/>${text(x + 16, y, name)}`
}
