/** Between columns, in characters; a terminal that is too narrow gets less. */
const gaps = [3, 2, 1] as const

/** Columns that are never cut: what a user copies, and what he looks for. */
const whole = /\bID$|^CONTAINER$|^STATE$/

/** The narrowest that a column is made. */
const narrowest = 8

export interface TableOptions {
  /** The width of the terminal: cells are cut, those of the widest columns first, until each row fits a line if it can. */
  readonly columns?: number | undefined
  /** Puts colour on a cell that is wide as it is to be. `row` is 0 for the header. */
  readonly style?: (cell: string, row: number, column: number) => string
}

/** Rows as aligned columns, the first row being the header; three spaces between columns, none at a line's end. */
export function formatTable(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const { columns, style = (cell) => cell } = options
  const widths = widthsOf(rows)
  const gap = columns === undefined ? gaps[0] : shrink(widths, rows[0] ?? [], columns)
  const lines = rows.map((row, at) => {
    const last = row.findLastIndex((cell) => cell !== '')
    return row
      .slice(0, last + 1)
      .map((cell, column) => {
        const fitted = cut(cell, widths[column] ?? 0)
        const padding = column === last ? '' : ' '.repeat((widths[column] ?? 0) - fitted.length + gap)
        return `${style(fitted, at, column)}${padding}`
      })
      .join('')
  })
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  }
  return widths
}

/** Makes columns narrower; answers the gap between them. */
function shrink(widths: number[], header: readonly string[], columns: number): number {
  const excess = (gap: number) => widths.reduce((sum, width) => sum + width, 0) + gap * (widths.length - 1) - columns
  for (const gap of gaps) {
    while (excess(gap) > 0) {
      const soft = widths.map((width, column) => (whole.test(header[column] ?? '') ? 0 : width))
      const widest = soft.indexOf(Math.max(...soft))
      if ((soft[widest] ?? 0) <= narrowest) break
      widths[widest] = (widths[widest] ?? 0) - 1
    }
    if (excess(gap) <= 0) return gap
  }
  return gaps[2]
}

const cut = (cell: string, width: number) => (cell.length > width ? `${cell.slice(0, Math.max(0, width - 1))}…` : cell)
