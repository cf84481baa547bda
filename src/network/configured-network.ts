import type { Logger } from '../lib/log.ts'
import { atLeast } from './cni-version.ts'
import { ConfigurationFolder } from './configuration-folder.ts'
import type { NetworkConfiguration } from './network-configuration.ts'
import { networkProblem, type PluginHost } from './plugin-chain.ts'
import { findPlugin } from './plugin-lookup.ts'
import type { NetworkReadiness } from './port.ts'
import { attachProblem, type NetworkFacts, readinessOf } from './readiness.ts'

export interface ConfiguredNetworkOptions {
  readonly folder: string
  readonly host: PluginHost
  readonly log: Logger
  readonly checkMs: number
}

/** The network that new pods go to, kept up to date: by a watch on the folder, regularly, and before each attach. */
export class ConfiguredNetwork {
  readonly #options: ConfiguredNetworkOptions
  readonly #folder: ConfigurationFolder
  #facts: NetworkFacts
  #readiness: NetworkReadiness
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(options: ConfiguredNetworkOptions) {
    this.#options = options
    this.#folder = new ConfigurationFolder(options.folder)
    this.#facts = this.#look()
    this.#readiness = readinessOf(this.#facts)
  }

  get readiness(): NetworkReadiness {
    return this.#readiness
  }

  start(): void {
    this.#logReadiness()
    this.#check()
    this.#folder.watch(() => this.#check())
    this.#timer = setInterval(() => this.#check(), this.#options.checkMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#folder.unwatch()
  }

  /** The configuration for a new pod, read again if it changed; or why there is none, as a text. */
  forAttach(): NetworkConfiguration | string {
    this.#refresh()
    return attachProblem(this.#facts) ?? (this.#facts.contents.configuration as NetworkConfiguration)
  }

  #check(): void {
    this.#refresh()
    void this.#askPlugins()
  }

  #refresh(): void {
    const before = this.#facts.contents
    const facts = this.#look()
    const statusProblem = facts.contents === before ? this.#facts.statusProblem : undefined
    this.#update({ ...facts, statusProblem })
  }

  #look(): NetworkFacts {
    const { folder, host } = this.#options
    const contents = this.#folder.read()
    const needed = new Set(contents.configuration?.plugins.map(({ type }) => type))
    const missingPlugins = [...needed].filter((type) => findPlugin(type, host.binDirs) === undefined)
    return { folder, contents, missingPlugins, binDirs: host.binDirs }
  }

  /** STATUS, for configurations that have it. What it says about a configuration that is no longer the one is dropped. */
  async #askPlugins(): Promise<void> {
    const { contents } = this.#facts
    const { configuration } = contents
    if (this.#asking || !configuration || !atLeast(configuration.cniVersion, '1.1.0')) return
    this.#asking = true
    try {
      const statusProblem = await networkProblem(this.#options.host, configuration)
      if (this.#facts.contents === contents) this.#update({ ...this.#facts, statusProblem })
    } finally {
      this.#asking = false
    }
  }

  #update(facts: NetworkFacts): void {
    this.#facts = facts
    const readiness = readinessOf(facts)
    const changed = JSON.stringify(readiness) !== JSON.stringify(this.#readiness)
    this.#readiness = readiness
    if (changed) this.#logReadiness()
  }

  #logReadiness(): void {
    const { ready, message, configName } = this.#readiness
    const { file, problems } = this.#facts.contents
    if (ready) this.#options.log.info({ network: configName, file, skipped: problems }, 'the pod network is ready')
    else this.#options.log.warn({ network: configName, problem: message }, 'the pod network is not ready')
  }
}
