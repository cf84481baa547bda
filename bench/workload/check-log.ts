import { endLine, type LineKind, lineOf } from './log-script.ts'

/**
 * Checks that the log of a round is whole: every line once and in order, nothing else, and the end of the round last. Lines
 * are in the kubelet's format, `<time> <stream> <F or P> <text>`; a runtime may cut a line in pieces, P for all but the last.
 *
 * @param log what the round has added to the log file, as Latin-1
 * @throws {Error} that says which line is wrong
 */
export function checkLog(log: string, kind: LineKind, lines: number, round: number): void {
  let number = 1
  let pieces = ''
  for (let start = 0; start < log.length; ) {
    const end = log.indexOf('\n', start)
    if (end === -1) throw new Error(`the log does not end with a whole line: "${log.slice(start, start + 80)}"`)
    const tag = log.indexOf(' ', log.indexOf(' ', start) + 1) + 1
    const text = pieces + log.slice(tag + 2, end)
    if (log[tag] === 'P') {
      pieces = text
    } else {
      const expected = number <= lines ? lineOf(kind, number) : endLine(round)
      if (text !== expected)
        throw new Error(
          `line ${number} of ${lines} is "${text.slice(0, 40)}" of ${text.length} characters, not "${expected.slice(0, 40)}"`,
        )
      pieces = ''
      number++
    }
    start = end + 1
  }
  if (number !== lines + 2) throw new Error(`the log has ${number - 1} of ${lines + 1} lines`)
}
