import type { FolderContents } from './configuration-folder.ts'
import { whereToInstall } from './errors.ts'
import type { NetworkReadiness } from './port.ts'

/** What is known of the network that new pods would go to. */
export interface NetworkFacts {
  readonly folder: string
  readonly contents: FolderContents
  /** Plugins of the configuration that no folder has. */
  readonly missingPlugins: readonly string[]
  readonly binDirs: readonly string[]
  /** What the plugins' STATUS says against ADD. */
  readonly statusProblem?: string | undefined
}

/** The NetworkReady condition that follows from the facts. */
export function readinessOf(facts: NetworkFacts): NetworkReadiness {
  const problem = problemOf(facts)
  const configName = facts.contents.configuration?.name
  return Object.freeze({
    ready: problem === undefined,
    reason: problem === undefined ? '' : 'NetworkPluginNotReady',
    message: problem ?? '',
    ...(configName === undefined ? {} : { configName }),
  })
}

/** Why pods cannot be attached at all; undefined when they can. What STATUS says is no reason not to try. */
export function attachProblem(facts: NetworkFacts): string | undefined {
  const { folder, contents, missingPlugins, binDirs } = facts
  if (!contents.configuration) {
    const found = contents.problems.length === 0 ? '' : `: ${contents.problems.join('; ')}`
    return (
      `no valid CNI network configuration in ${folder} (*.conflist, *.conf, *.json)${found}. ` +
      "Install the cluster's network add-on or put a configuration there; it is picked up at once"
    )
  }
  if (missingPlugins.length === 0) return undefined
  const missing = missingPlugins.map((plugin) => whereToInstall(plugin, binDirs)).join('; ')
  return `the CNI network "${contents.configuration.name}" (${folder}/${contents.file}) lacks a plugin: ${missing}`
}

function problemOf(facts: NetworkFacts): string | undefined {
  return attachProblem(facts) ?? facts.statusProblem
}
