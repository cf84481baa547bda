import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../lib/errors.ts'
import type { PodParts } from './parts.ts'
import { hasContainers } from './reattach.ts'

/** Waits between two tries, in milliseconds. */
const firstDelay = 100
const longestDelay = 5_000

/** Sees to it that containers have a shim again, as long as it takes: a new shim may die at its start, too. */
export class Takeovers {
  readonly #parts: PodParts
  readonly #underWay = new Set<string>()

  constructor(parts: PodParts) {
    this.#parts = parts
  }

  /** Resolves after the first try, which mostly succeeds; more of them follow by themselves. */
  async begin(shim: string): Promise<void> {
    if (this.#underWay.has(shim) || !hasContainers(this.#parts, shim)) return
    this.#underWay.add(shim)
    if (await this.#try(shim)) this.#underWay.delete(shim)
    else void this.#goOn(shim)
  }

  async #goOn(shim: string): Promise<void> {
    for (let wait = firstDelay; hasContainers(this.#parts, shim); wait = Math.min(2 * wait, longestDelay)) {
      await delay(wait, undefined, { ref: false })
      if (await this.#try(shim)) break
    }
    this.#underWay.delete(shim)
  }

  /** Whoever connects to a shim takes up its containers. */
  async #try(shim: string): Promise<boolean> {
    try {
      await this.#parts.shims.get(shim)
      return true
    } catch (error) {
      this.#parts.log.error({ shim, error: messageOf(error) }, 'containers have no shim yet; trying again')
      return false
    }
  }
}
