import { styleText } from 'node:util'
import type { Terminal } from '../cli.ts'

type Style = Parameters<typeof styleText>[0]

/** Puts colour on texts for a terminal; for anything else, and with NO_COLOR (no-color.org), it changes nothing. */
export type Paint = (style: Style, text: string) => string

export function painter({ stdout, env }: Pick<Terminal, 'stdout' | 'env'>): Paint {
  const wanted = isTerminal(stdout) && !env.NO_COLOR && env.TERM !== 'dumb'
  return wanted ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text
}

const good = /^(Running|Ready)\b/
const bad = /^(Exited \((?!0\b)|NotReady|Unknown|Error|OOMKilled|StartError)/

/** The colours of a table: its header, and the words for states. */
export function tableStyle(paint: Paint): (cell: string, row: number) => string {
  return (cell, row) => {
    if (row === 0) return paint('bold', cell)
    return good.test(cell) ? paint('green', cell) : bad.test(cell) ? paint('red', cell) : cell
  }
}

/** Whether a person looks at what is written there. */
export function isTerminal(stream: Terminal['stdout']): boolean {
  return 'isTTY' in stream && stream.isTTY === true
}

/** How many characters a line of the terminal takes; undefined when it is none. */
export function columnsOf(stream: Terminal['stdout']): number | undefined {
  const columns = isTerminal(stream) && 'columns' in stream ? stream.columns : undefined
  // A terminal that does not know its size says 0.
  return typeof columns === 'number' && columns > 0 ? columns : undefined
}
