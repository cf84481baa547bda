import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { isExecutable } from '../linux/is-executable.ts'
import { type PluginName, pluginOfFile } from './plugin-name.ts'

/** A plugin that Berth starts itself. */
export interface InstalledPlugin {
  readonly name: PluginName
  readonly file: string
  /** What it is configured with; empty when there is no configuration. */
  readonly config: string
}

/**
 * The executable files `NN-name` of a folder, in that order, each with its configuration: `NN-name.conf`, or else `name.conf`,
 * in another folder. A file that is no plugin, or whose configuration cannot be read, is reported and left out.
 */
export function installedPlugins(folder: string, configFolder: string, log: Logger): InstalledPlugin[] {
  return filesIn(folder).flatMap((entry) => {
    const file = join(folder, entry)
    if (!isExecutable(file)) return []
    try {
      return [{ name: pluginOfFile(entry), file, config: configOf(entry, configFolder) }]
    } catch (error) {
      log.error({ file, error: messageOf(error) }, 'an NRI plugin is not started')
      return []
    }
  })
}

function filesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

function configOf(entry: string, folder: string): string {
  const base = entry.slice(entry.indexOf('-') + 1)
  for (const name of [entry, base]) {
    try {
      return readFileSync(join(folder, `${name}.conf`), 'utf8')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
  return ''
}
