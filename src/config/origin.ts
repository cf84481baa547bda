import { parse, stringify } from 'smol-toml'
import type { Config } from './config.ts'

/** A key in force, and where its value comes from. */
export interface Setting {
  /** `cni.conf_dir` */
  readonly key: string
  /** As TOML. */
  readonly value: string
  /** The line of the file that sets it; undefined for a default. */
  readonly line?: number
}

/** What is in force, key by key, with the lines of `text`, the configuration file, that say so. */
export function settingsOf(config: Config, text: string): Setting[] {
  const given = new Set(flatten(parse(text)).map(([key]) => key))
  const lines = linesOf(text)
  return flatten(config as unknown as Record<string, unknown>).map(([key, value]) => {
    const toml = stringify({ value }).slice('value = '.length).trim()
    if (!given.has(key)) return { key, value: toml }
    const line = lines.get(key)
    return { key, value: toml, ...(line !== undefined && { line }) }
  })
}

/** The keys below all tables, and what they are set to. */
export function flatten(table: Readonly<Record<string, unknown>>, prefix = ''): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]): [string, unknown][] => {
    const key = `${prefix}${name}`
    if (value === undefined) return []
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isTable ? flatten(value as Record<string, unknown>, `${key}.`) : [[key, value]]
  })
}

/** The line of each key, from 1 on. Keys in inline tables have the line of their table. */
function linesOf(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  let table = ''
  for (const [at, line] of text.split('\n').entries()) {
    const header = /^\s*\[\s*([^[\]]+?)\s*\]/.exec(line)
    if (header) {
      table = `${plain(header[1] ?? '')}.`
      continue
    }
    const key = /^\s*([\w."' -]+?)\s*=/.exec(line)
    if (key) found.set(`${table}${plain(key[1] ?? '')}`, at + 1)
  }
  return found
}

/** A dotted key without its quotes and blanks. */
const plain = (key: string) => key.replaceAll(/["'\s]/g, '')
