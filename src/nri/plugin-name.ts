import { invalidArgument } from '../lib/errors.ts'

/** Who a plugin is: plugins are asked in the order of their indexes, two digits each. */
export interface PluginName {
  readonly index: string
  readonly base: string
}

/** Throws invalid-argument for a name that no plugin can have. */
export function checkPluginName({ index, base }: PluginName): PluginName {
  if (!/^[0-9]{2}$/.test(index)) {
    throw invalidArgument(`the index of an NRI plugin must be two digits, not ${JSON.stringify(index.slice(0, 64))}`)
  }
  if (!/^[a-zA-Z0-9_.+-]{1,255}$/.test(base)) {
    throw invalidArgument(
      `the name of an NRI plugin must be of letters, digits and _.+-, not ${JSON.stringify(base.slice(0, 64))}`,
    )
  }
  return { index, base }
}

/** The name of an installed plugin: `NN-name`. */
export function pluginOfFile(file: string): PluginName {
  const dash = file.indexOf('-')
  if (dash === -1) throw invalidArgument(`${JSON.stringify(file)} is not the name of an NRI plugin, such as 10-name`)
  return checkPluginName({ index: file.slice(0, dash), base: file.slice(dash + 1) })
}
