import assert from 'node:assert/strict'
import { eventually } from '../harness/eventually.ts'
import type { DocsPlace } from './place.ts'
import type { ShellSession } from './shell-session.ts'

interface Step {
  readonly command: string
  /** What the page says that it prints; it may print more behind that. */
  readonly printed: readonly string[]
}

/** The commands of a transcript, which begin with `$ `, with what they print. */
function stepsOf(text: string): readonly Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = '', ...printed] = step.trimEnd().split('\n')
      return { command, printed }
    })
}

/** Only these may be asked again, until what they tell of has happened. */
const looks = /^berth (agent --status|logs|exec \S+ ps)/

/**
 * Types the commands of a transcript, with the ids that come in the place of those in the page, and sees whether they print what
 * the page shows: ids, times and addresses are others.
 */
export async function follow(text: string, session: ShellSession, place: DocsPlace): Promise<void> {
  const ids = new Map<string, string>()
  for (const { command, printed } of stepsOf(text)) {
    const typed = place.inThisPlace(command).replaceAll(/\b[0-9a-f]{12}\b/g, (id) => ids.get(id) ?? id)
    const attempt = async () => {
      const { said, exitCode } = await session.run(typed)
      const lines = place.asInThePage(said).trimEnd().split('\n')
      const isAsShown = exitCode === 0 && printed.every((line, at) => shape(line) === shape(lines[at] ?? ''))
      for (const [at, line] of printed.entries()) learnIds(ids, line, lines[at] ?? '')
      return { isAsShown, exitCode, lines }
    }
    if (command.endsWith('&')) {
      await session.run(typed)
    } else if (looks.test(command)) {
      await eventually(
        `${command} prints\n${printed.join('\n')}`,
        async () => (await attempt()).isAsShown || undefined,
        20_000,
      )
    } else {
      const { isAsShown, exitCode, lines } = await attempt()
      if (!isAsShown)
        assert.deepEqual({ exitCode, lines: lines.map(shape) }, { exitCode: 0, lines: printed.map(shape) }, command)
    }
  }
}

/** A line without what is another every time. */
function shape(line: string): string {
  return line
    .replaceAll(/[0-9a-f]{64}/g, 'ID')
    .replaceAll(/\b[0-9a-f]{12,13}\b/g, 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b\d+ (second|minute)s? ago/g, 'AGO')
    .replace(/^ +\d+ root/, 'N root')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

function learnIds(ids: Map<string, string>, shown: string, real: string): void {
  const [before] = /[0-9a-f]{64}/.exec(shown) ?? []
  const [after] = /[0-9a-f]{64}/.exec(real) ?? []
  if (before && after) ids.set(before.slice(0, 12), after.slice(0, 12))
}
