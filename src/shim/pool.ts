import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { ShimClient } from './client.ts'
import type { ContainerExit } from './protocol.ts'
import { startShim } from './start.ts'

export interface ShimPoolOptions {
  /** Where the sockets and logs of the shims are. */
  readonly folder: string
  /** The program of the shim. */
  readonly entry: string
  readonly podsPerProcess: number
  readonly log: Logger
}

export interface ShimPoolListener {
  /** A container has ended, is drained and on record. */
  onExit(exit: ContainerExit): void
  /** A shim has died; its containers run on. */
  onLost(shim: string): void
}

/**
 * The shims of this node: which pod has which, and a connection to each. A shim is named by a number; its socket is
 * `<folder>/<name>.sock`, so that a new berthd finds the shims of the one before.
 */
export class ShimPool implements Disposable {
  readonly #options: ShimPoolOptions
  readonly #listener: ShimPoolListener
  readonly #log: Logger
  /** The sandboxes of each shim. */
  readonly #pods = new Map<string, Set<string>>()
  readonly #clients = new Map<string, Promise<ShimClient>>()
  #closing = false

  constructor(options: ShimPoolOptions, listener: ShimPoolListener) {
    this.#options = options
    this.#listener = listener
    this.#log = options.log
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  }

  /** Gives the sandbox a shim, the first with room, and answers its name. The shim may not be running yet. */
  assign(sandboxId: string): string {
    for (let number = 0; ; number++) {
      const name = String(number)
      if ((this.#pods.get(name)?.size ?? 0) < this.#options.podsPerProcess) {
        this.restore(sandboxId, name)
        return name
      }
    }
  }

  /** Notes a pod that has its shim already. */
  restore(sandboxId: string, shim: string): void {
    const pods = this.#pods.get(shim)
    if (pods) pods.add(sandboxId)
    else this.#pods.set(shim, new Set([sandboxId]))
  }

  /** The pod is gone. A shim without pods ends, but for the first, which waits for the next pod. */
  release(sandboxId: string, shim: string): void {
    const pods = this.#pods.get(shim)
    pods?.delete(sandboxId)
    if (pods?.size === 0) {
      this.#pods.delete(shim)
      if (shim !== '0') void this.#shutdown(shim)
    }
  }

  /** A connection to the shim, which is started when it is not there. */
  get(shim: string): Promise<ShimClient> {
    const known = this.#clients.get(shim)
    if (known) return known
    const client = this.#connectOrStart(shim)
    this.#clients.set(shim, client)
    client.catch(() => this.#clients.delete(shim))
    return client
  }

  async #connectOrStart(shim: string): Promise<ShimClient> {
    try {
      return await this.#connect(shim)
    } catch (error) {
      if (!['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '')) throw error
    }
    const { folder, entry } = this.#options
    const pid = await startShim({ entry, socket: this.#socket(shim), log: join(folder, `${shim}.log`) })
    this.#log.info({ shim, shimPid: pid }, 'started a shim')
    return this.#connect(shim)
  }

  #connect(shim: string): Promise<ShimClient> {
    return ShimClient.connect(this.#socket(shim), {
      onExit: (exit) => this.#listener.onExit(exit),
      onClose: () => {
        this.#clients.delete(shim)
        if (!this.#closing && this.#pods.has(shim)) this.#listener.onLost(shim)
      },
    })
  }

  /** Ends the shims that have no pods. For when berthd ends: nothing idle is left behind. */
  async endIdle(): Promise<void> {
    const idle = [...this.#clients.keys()].filter((shim) => !this.#pods.has(shim))
    await Promise.all(idle.map((shim) => this.#shutdown(shim)))
  }

  async #shutdown(shim: string): Promise<void> {
    try {
      await (await this.get(shim)).request('shutdown', null)
    } catch (error) {
      this.#log.warn({ shim, error: messageOf(error) }, 'cannot end a shim without pods')
    }
  }

  #socket(shim: string): string {
    return join(this.#options.folder, `${shim}.sock`)
  }

  /** Closes the connections; the shims and their containers go on. */
  [Symbol.dispose](): void {
    this.#closing = true
    for (const client of this.#clients.values()) {
      client.then(
        (connected) => connected[Symbol.dispose](),
        () => {},
      )
    }
  }
}
