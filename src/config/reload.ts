import type { Config } from './config.ts'
import { flatten } from './origin.ts'
import { keyWords } from './words.ts'

/** What becomes of a configuration file that is read again while berthd runs. */
export interface ReloadPlan {
  /** What is in force from now on: what the file says, but for what a running berthd cannot change. */
  readonly config: Config
  /** The keys that are another now, `cni.conf_dir`. */
  readonly changed: readonly string[]
  /** The keys that the file has otherwise than what is in force, and that need a restart. */
  readonly needsRestart: readonly string[]
}

type Table = Record<string, unknown>

/** Holds what the file says now against what is in force. */
export function planReload(inForce: Config, wanted: Config): ReloadPlan {
  const before = new Map(flatten(inForce as unknown as Table))
  const after = new Map(flatten(wanted as unknown as Table))
  const config = structuredClone(wanted) as unknown as Table
  const changed: string[] = []
  const needsRestart: string[] = []
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(key)
    if (JSON.stringify(old) === JSON.stringify(after.get(key))) continue
    const path = pathOf(key)
    if (!isFixed(path, inForce, wanted)) changed.push(key)
    else {
      needsRestart.push(key)
      put(config, path, old)
    }
  }
  return { config: config as unknown as Config, changed, needsRestart }
}

/** The tables of a key, and its name. The name of a runtime handler may have dots. */
function pathOf(key: string): string[] {
  const [, table, handler, name] = /^(runtime)\.(.+)\.(\w+)$/.exec(key) ?? []
  return table && handler && name ? [table, handler, name] : key.split('.')
}

/** Whether a running berthd keeps the value. That of a runtime handler which comes or goes does so with it. */
function isFixed(path: readonly string[], before: Config, after: Config): boolean {
  const [table, handler = '', name] = path
  if (table !== 'runtime') return keyWords[path.join('.')]?.atStart ?? false
  const stays = Object.hasOwn(before.runtime, handler) && Object.hasOwn(after.runtime, handler)
  return stays && (keyWords[`runtime.${name}`]?.atStart ?? false)
}

function put(table: Table, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length > 0) return put((table[name] ??= {}) as Table, rest, value)
  if (value === undefined) delete table[name]
  else table[name] = value
}
