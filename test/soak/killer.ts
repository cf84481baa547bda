import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../src/lib/errors.ts'
import type { Berthd } from '../harness/berthd.ts'
import type { PodClient } from '../harness/pod.ts'
import { shimsOf } from './footprint.ts'

/** Kills berthd, a shim, or both at once, at random times, and starts berthd again. */
export class Killer {
  readonly counts = { berthd: 0, shim: 0, both: 0 }
  readonly #berthd: Berthd
  readonly #client: PodClient
  readonly #ended = new AbortController()
  readonly #work: Promise<void>

  /** @param every mean time between kills, in seconds; 0 for none */
  constructor(berthd: Berthd, client: PodClient, every: number) {
    this.#berthd = berthd
    this.#client = client
    this.#work = every > 0 ? this.#run(every * 1000) : Promise.resolve()
    // Told by end().
    this.#work.catch(() => {})
  }

  /** No more kills; berthd serves. Throws when it could not be started again. */
  async end(): Promise<void> {
    this.#ended.abort()
    await this.#work
  }

  async #run(meanMs: number): Promise<void> {
    for (;;) {
      const pause = randomInt(Math.ceil(meanMs / 2), Math.ceil(meanMs * 1.5))
      const woken = await sleep(pause, true, { signal: this.#ended.signal }).catch(() => false)
      if (!woken) return
      await this.#strike((['berthd', 'shim', 'both'] as const)[randomInt(3)] ?? 'both')
    }
  }

  async #strike(victim: keyof Killer['counts']): Promise<void> {
    this.counts[victim]++
    if (victim !== 'berthd') for (const pid of shimsOf(this.#berthd)) killIfThere(pid)
    if (victim === 'shim') return
    await this.#berthd.kill9()
    try {
      await this.#berthd.start()
    } catch (error) {
      throw new Error(`berthd does not start any more: ${messageOf(error)}`, { cause: error })
    }
    this.#client.reconnect()
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended meanwhile.
  }
}
