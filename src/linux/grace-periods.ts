import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * Short RCU grace periods while a pod is taken down.
 *
 * The kernel waits for a grace period (5 to 15 ms on an idle machine) whenever it takes something apart that other CPUs may be
 * looking at. Of the 60 to 75 ms that the plugin `bridge` takes for a DEL, 45 are such waits: one for the veth pair, and one
 * for each iptables rule and chain when its netlink socket is closed. With `/sys/kernel/rcu_expedited` the kernel asks the
 * other CPUs instead of waiting for them (`rcu_gp_is_expedited` in kernel/rcu/update.c). It costs each CPU that is not idle an
 * interrupt. A real-time kernel, which sets `rcu_normal`, ignores it.
 */
export class GracePeriods {
  readonly #switch: string
  readonly #note: string
  #users = 0

  /**
   * @param note a file that is there as long as this process has the switch on: whoever comes after a process that was killed
   *   in such a moment finds it and puts the switch back.
   */
  constructor(note: string, file = '/sys/kernel/rcu_expedited') {
    this.#note = note
    this.#switch = file
    if (existsSync(note)) this.#off()
  }

  /** Calls `work` with short grace periods, where the kernel lets us. A switch that somebody else has set stays as it is. */
  async shortened<T>(work: () => Promise<T>): Promise<T> {
    if (this.#users++ === 0) this.#on()
    try {
      return await work()
    } finally {
      if (--this.#users === 0) this.#off()
    }
  }

  #on(): void {
    try {
      if (readFileSync(this.#switch, 'utf8').trim() !== '0') return
      writeFileSync(this.#note, '', { mode: 0o600 })
      writeFileSync(this.#switch, '1')
    } catch {
      // No such switch, or not ours to use: then it takes as long as it takes.
      rmSync(this.#note, { force: true })
    }
  }

  #off(): void {
    if (!existsSync(this.#note)) return
    try {
      writeFileSync(this.#switch, '0')
    } catch {
      // It could not be set either.
    }
    rmSync(this.#note, { force: true })
  }
}
