import type { Span } from '../../lib/span.ts'
import { formatTable } from './table.ts'

/** How many characters wide the drawing is. */
const width = 40

/** A longer pause between two calls is left out of the drawing, in milliseconds: it would be most of it. */
const longPause = 500

/**
 * Calls one below the other, each part with the time it began and how long it took, in milliseconds since the first began,
 * and a bar that shows when. Calls after a long pause have a drawing of their own, of another scale.
 */
export function formatWaterfall(roots: readonly Span[]): string {
  const start = Math.min(...roots.map(({ startedAt }) => startedAt))
  return inGroups(roots)
    .map((group) => {
      const from = Math.min(...group.map(({ startedAt }) => startedAt))
      const total = Math.max(Math.max(...group.map(endOf)) - from, 0.001)
      const rows = group.flatMap((root) => rowsOf(root, 0, { start, from, total }))
      return formatTable([['BEGAN (ms)', 'TOOK (ms)', '', 'WHAT'], ...rows])
    })
    .join('\n')
}

const endOf = ({ startedAt, ms = 0 }: Span) => startedAt + ms

/** Calls that came one soon after the other, in their order. */
function inGroups(roots: readonly Span[]): Span[][] {
  const groups: Span[][] = []
  let end = Number.NEGATIVE_INFINITY
  for (const root of roots.toSorted((a, b) => a.startedAt - b.startedAt)) {
    if (root.startedAt - end > longPause) groups.push([])
    groups.at(-1)?.push(root)
    end = Math.max(end, endOf(root))
  }
  return groups
}

interface Scale {
  /** When the first call of all began, and the first of this drawing. */
  readonly start: number
  readonly from: number
  readonly total: number
}

function rowsOf({ name, startedAt, ms, error, children }: Span, depth: number, scale: Scale): string[][] {
  const began = startedAt - scale.from
  const what = `${'  '.repeat(depth)}${name}${error === undefined ? '' : ` — failed: ${error}`}`
  const took = ms === undefined ? 'not ended' : ms.toFixed(2).padStart(8)
  return [
    [(startedAt - scale.start).toFixed(2).padStart(9), took, bar(began, ms ?? scale.total - began, scale.total), what],
    ...children.toSorted((a, b) => a.startedAt - b.startedAt).flatMap((child) => rowsOf(child, depth + 1, scale)),
  ]
}

function bar(began: number, ms: number, total: number): string {
  const start = Math.min(Math.floor((began / total) * width), width - 1)
  const length = Math.max(1, Math.min(Math.round((ms / total) * width), width - start))
  return `${' '.repeat(start)}${'█'.repeat(length)}`.padEnd(width)
}
