import type { Span } from '../../lib/span.ts'
import { formatTable } from './table.ts'

/** How many characters wide the drawing is. */
const width = 40

/**
 * Calls one below the other, each part with the time it began and how long it took, in milliseconds since the first began,
 * and a bar that shows when.
 */
export function formatWaterfall(roots: readonly Span[]): string {
  const from = Math.min(...roots.map(({ startedAt }) => startedAt))
  const to = Math.max(...roots.map((root) => root.startedAt + (root.ms ?? 0)))
  const rows = roots.flatMap((root) => rowsOf(root, 0, from, Math.max(to - from, 0.001)))
  return formatTable([['BEGAN (ms)', 'TOOK (ms)', '', 'WHAT'], ...rows])
}

function rowsOf(
  { name, startedAt, ms, error, children }: Span,
  depth: number,
  from: number,
  total: number,
): string[][] {
  const began = startedAt - from
  const what = `${'  '.repeat(depth)}${name}${error === undefined ? '' : ` — failed: ${error}`}`
  const took = ms === undefined ? 'not ended' : ms.toFixed(2).padStart(8)
  return [
    [began.toFixed(2).padStart(9), took, bar(began, ms ?? total - began, total), what],
    ...children.toSorted((a, b) => a.startedAt - b.startedAt).flatMap((child) => rowsOf(child, depth + 1, from, total)),
  ]
}

function bar(began: number, ms: number, total: number): string {
  const start = Math.min(Math.floor((began / total) * width), width - 1)
  const length = Math.max(1, Math.min(Math.round((ms / total) * width), width - start))
  return `${' '.repeat(start)}${'█'.repeat(length)}`.padEnd(width)
}
