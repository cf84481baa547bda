import { ago, describeDuration } from '../format/age.ts'
import type { Paint } from '../format/colour.ts'
import { printable } from '../format/printable.ts'
import { wrap } from '../format/wrap.ts'
import { shortId } from '../../lib/ids.ts'
import type { Cause, Explanation, Wait } from './explanation.ts'

interface Page {
  readonly paint: Paint
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Undefined: lines are as long as they get. */
  readonly columns: number | undefined
}

/** The width of the column that says what a line is. */
const margin = 11

/** An explanation as a person reads it. */
export function printExplanation(explanation: Explanation, page: Page): string {
  const { kind, name, id, state, ok, waits, causes, notes, lastLines } = explanation
  const colour = ok ? 'green' : waits.length > 0 && causes.length === 0 ? 'yellow' : 'red'
  const lines = [
    `${kind} ${page.paint('bold', printable(name))}${id === undefined ? '' : ` (${shortId(id)})`}: ${page.paint(colour, printable(state))}`,
    ...waits.flatMap((wait) => waitLines(wait, page)),
    ...causes.flatMap((cause) => causeLines(cause, page)),
    ...notes.flatMap((note) => entry('note', printable(note), page)),
    ...lastLines.flatMap((line, at) => entry(at === 0 ? 'its log' : '', printable(line), page)),
  ]
  return lines.map((line) => `${line.trimEnd()}\n`).join('')
}

function waitLines({ what, since, stage, stageSince, details, next }: Wait, page: Page): string[] {
  const at = stage === undefined ? '' : `: ${stage}, for ${lasted(page.now - (stageSince ?? since))}`
  return [
    ...entry('waits for', `${what}, for ${lasted(page.now - since)}${at}`, page),
    ...details.flatMap((detail) => entry('', detail, page)),
    ...(next === undefined ? [] : entry('next', next, page)),
  ]
}

function causeLines({ layer, what, said, next, rpc, stage, at, count }: Cause, page: Page): string[] {
  const times = count === undefined ? '' : `${count} times, last `
  const when = at === undefined ? undefined : `${times}${ago(BigInt(at) * 1_000_000n, page.now).toLowerCase()}`
  const facts = [rpc, stage, when].filter((fact) => fact !== undefined)
  return [
    ...entry('why', `${page.paint('bold', layer)}: ${what}`, page),
    ...(facts.length === 0 ? [] : entry('in', facts.join('; '), page)),
    ...(said === undefined ? [] : entry('it said', printable(said), page)),
    ...entry('next', next, page),
  ]
}

function entry(label: string, text: string, { columns }: Page): string[] {
  const parts = columns === undefined ? [text] : wrap(text, Math.max(40, columns - margin - 2))
  return parts.map((part, at) => `  ${(at === 0 ? label : '').padEnd(margin)}${part}`)
}

/** An age with seconds: what waits is looked at closely. */
function lasted(ms: number): string {
  return ms < 120_000 ? `${Math.max(0, ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s` : describeDuration(ms).toLowerCase()
}
