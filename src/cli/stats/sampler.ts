import type { ContainerStats, PodSandboxStats } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { findPods } from '../pod-of.ts'
import { containerUsage, podUsage, type Usage } from './usage.ts'

/** Which containers, or pods, are of interest; all of them when a field is absent. */
export interface Wanted {
  readonly id?: string
  readonly podSandboxId?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** Asks again and again; each answer is compared with the one before. */
export class Sampler {
  readonly #cli: Cli
  readonly #wanted: Wanted
  #containers = new Map<string, ContainerStats>()
  #pods = new Map<string, PodSandboxStats>()
  /** The pods of the containers, by the ids of these. */
  readonly #podNames = new Map<string, string>()

  constructor(cli: Cli, wanted: Wanted = {}) {
    this.#cli = cli
    this.#wanted = wanted
  }

  async containers(): Promise<{ usages: Usage[]; stats: ContainerStats[] }> {
    const { id, podSandboxId, labels } = this.#wanted
    const filter = {
      ...(id !== undefined && { id }),
      ...(podSandboxId !== undefined && { podSandboxId }),
      ...(labels && { labelSelector: labels }),
    }
    const { stats } = await this.#cli.cri.runtime.listContainerStats({ filter }, this.#cli.ask)
    const before = this.#containers
    this.#containers = new Map(stats.map((one) => [one.attributes?.id ?? '', one]))
    const ids = stats.map(({ attributes }) => attributes?.id ?? '')
    if (ids.some((key) => !this.#podNames.has(key))) await this.#findPods()
    const usages = stats.map((one) => {
      const key = one.attributes?.id ?? ''
      return containerUsage(one, before.get(key), this.#podNames.get(key) ?? '')
    })
    return { usages, stats }
  }

  async #findPods(): Promise<void> {
    const { containers } = await this.#cli.cri.runtime.listContainers({}, this.#cli.ask)
    const podOf = await findPods(this.#cli, containers)
    for (const container of containers) {
      const { namespace, name } = podOf(container)
      this.#podNames.set(container.id, `${namespace}/${name}`)
    }
  }

  async pods(): Promise<{ usages: Usage[]; stats: PodSandboxStats[] }> {
    const { id, labels } = this.#wanted
    const filter = { ...(id !== undefined && { id }), ...(labels && { labelSelector: labels }) }
    const { stats } = await this.#cli.cri.runtime.listPodSandboxStats({ filter }, this.#cli.ask)
    const before = this.#pods
    this.#pods = new Map(stats.map((one) => [one.attributes?.id ?? '', one]))
    return { usages: stats.map((one) => podUsage(one, before.get(one.attributes?.id ?? ''))), stats }
  }
}
