import { stringify } from 'smol-toml'
import { configKeys, defaultConfig } from './config.ts'
import { exampleHandler, keyWords, tableWords } from './words.ts'

/** How wide comments are, in characters. */
const width = 120

/**
 * Every key with what it is for, its default, and whether a change needs a restart, as a configuration file: what berthd runs
 * with when there is none. Keys without a default are comments.
 */
export function referenceFile(): string {
  const defaults = defaultConfig() as unknown as Record<string, unknown>
  const lines: string[] = []
  let table = ''
  for (const key of configKeys()) {
    const at = key.lastIndexOf('.')
    const [inTable, name] = [key.slice(0, Math.max(0, at)), key.slice(at + 1)]
    const { text, example, atStart } = keyWords[key] ?? {}
    const setting =
      example === undefined ? stringify({ [name]: valueAt(defaults, key) }).trim() : `${name} = ${example}`
    const value = atStart ? `${setting}  # needs a restart` : setting
    const isComment = example !== undefined
    if (inTable !== table) {
      table = inTable
      lines.push('', ...comment(tableWords[table] ?? ''), headerOf(table))
    } else if (text !== undefined) lines.push('')
    lines.push(...comment(text ?? ''), isComment ? `# ${value}` : value)
  }
  return `${lines.join('\n').trim()}\n`
}

/** Tables that have no keys but comments are comments themselves. */
function headerOf(table: string): string {
  if (table === 'runtime') return `# [runtime.${exampleHandler}]`
  return table === 'nri.validator' ? `# [${table}]` : `[${table}]`
}

function valueAt(config: Readonly<Record<string, unknown>>, key: string): unknown {
  let value: unknown = config
  for (const name of key.split('.')) value = (value as Record<string, unknown> | undefined)?.[name]
  return value
}

function comment(text: string): string[] {
  const lines: string[] = []
  for (const word of text.split(' ').filter((word) => word !== '')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(`# ${word}`)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
