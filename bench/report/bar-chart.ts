import type { Measurement } from '../run/measurements.ts'
import { quantile } from '../statistics.ts'
import { titleOf } from './markdown.ts'
import { short } from './number.ts'
import { colourOf, svg, text } from './svg.ts'

const labelWidth = 300
const plotWidth = 420
const barHeight = 16
const groupGap = 14

/**
 * Bars of p50 with a mark at p95, a group for each metric and a bar for each endpoint in it. Each group has its own scale:
 * its longest bar is as wide as the plot, so that metrics of any size can stand in one chart.
 */
export function barChart(title: string, measurements: readonly Measurement[], endpoints: readonly string[]): string {
  const shapes = [text(12, 24, title, { size: 16 })]
  let y = 44
  for (const measurement of measurements) {
    const rows = endpoints.flatMap((name, at) => {
      const values = measurement.values[name] ?? []
      return values.length > 0 ? [{ at, name, p50: quantile(values, 0.5), p95: quantile(values, 0.95) }] : []
    })
    const scale = plotWidth / Math.max(...rows.flatMap(({ p50, p95 }) => [p50, p95]), Number.MIN_VALUE)
    shapes.push(text(labelWidth - 10, y + (rows.length * barHeight) / 2 + 4, titleOf(measurement), { anchor: 'end' }))
    for (const { at, name, p50, p95 } of rows) {
      const width = Math.max(1, p50 * scale).toFixed(1)
      const end = labelWidth + Math.max(p50, p95) * scale
      shapes.push(
        `<rect x="${labelWidth}" y="${y}" width="${width}" height="${barHeight - 3}" fill="${colourOf(at)}"/>`,
        `<path d="M${(labelWidth + p95 * scale).toFixed(1)} ${y}v${barHeight - 3}" stroke="#444" stroke-width="1.5"/>`,
        text(end + 6, y + barHeight - 6, `${name} ${short(p50)}`, { size: 11 }),
      )
      y += barHeight
    }
    y += groupGap
  }
  return svg(labelWidth + plotWidth + 160, y + 4, shapes)
}
