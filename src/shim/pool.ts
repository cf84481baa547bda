import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoOf, isUnavailable, messageOf, unavailable } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { processesWithArgument } from '../linux/find-processes.ts'
import { kill } from '../linux/spawn.ts'
import { ShimClient } from './client.ts'
import { Heartbeat } from './heartbeat.ts'
import type { ContainerExit } from './protocol.ts'
import { startShim } from './start.ts'

export interface ShimPoolOptions {
  /** Where the sockets and logs of the shims are. */
  readonly folder: string
  /** The program of the shim. */
  readonly entry: string
  readonly podsPerProcess: () => number
  readonly log: Logger
}

export interface ShimPoolListener {
  /** A container has ended, is drained and on record. */
  onExit(exit: ContainerExit): void
  /**
   * A connection to a shim was made, also to one that was just started in the place of a dead one. Whoever asks for the shim
   * waits for this: its containers are its own again then. A failure closes the connection.
   */
  onConnected(shim: string, client: ShimClient): Promise<void>
  /** A shim has died; its containers run on. */
  onLost(shim: string): void
}

/** A shim that is to end. */
export interface StrayShim {
  readonly shim: string
  /** Of one that has lost its socket, and its name, to another. */
  readonly pid?: number
  end(): Promise<void>
}

/** How long a shim may take to end, in milliseconds. */
const endPatience = 10_000

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
  /** The processes that the clients are connected to. */
  readonly #pids = new Map<string, number>()
  /** Shims without pods that are about to end: their numbers are not given until they have. */
  readonly #ending = new Set<string>()
  #closing = false

  constructor(options: ShimPoolOptions, listener: ShimPoolListener) {
    this.#options = options
    this.#listener = listener
    this.#log = options.log
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  }

  /** Gives the sandbox a shim, the first with room, and answers its name. The shim may not be running yet. */
  assign(sandboxId: string): string {
    const podsPerProcess = this.#options.podsPerProcess()
    for (let number = 0; ; number++) {
      const name = String(number)
      if (!this.#ending.has(name) && (this.#pods.get(name)?.size ?? 0) < podsPerProcess) {
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
      if (shim !== '0') void this.#end(shim)
    }
  }

  /** A connection to the shim, which is started when it is not there. */
  get(shim: string): Promise<ShimClient> {
    if (this.#closing) return Promise.reject(unavailable('berthd is stopping'))
    return this.#clients.get(shim) ?? this.#keep(shim, (onClose) => this.#prepared(shim, onClose))
  }

  async #prepared(shim: string, onClose: () => void): Promise<ShimClient> {
    const client = await this.#connectOrStart(shim, onClose)
    this.#watch(shim, client)
    try {
      await this.#listener.onConnected(shim, client)
      return client
    } catch (error) {
      client[Symbol.dispose]()
      throw error
    }
  }

  #keep(shim: string, open: (onClose: () => void) => Promise<ShimClient>): Promise<ShimClient> {
    // By the time that one has closed or failed, another may have taken its place.
    const forget = () => {
      if (this.#clients.get(shim) !== client) return false
      this.#pids.delete(shim)
      return this.#clients.delete(shim)
    }
    const client: Promise<ShimClient> = open(() => {
      if (forget() && !this.#closing && this.#pods.has(shim)) this.#listener.onLost(shim)
    })
    this.#clients.set(shim, client)
    client.catch(forget)
    return client
  }

  /** A shim that does not answer any more is killed: its containers go on, and another takes them over. */
  #watch(shim: string, client: ShimClient): void {
    this.#pids.set(shim, client.pid)
    const heartbeat = new Heartbeat(
      () => client.ping(),
      () => {
        this.#log.error({ shim, shimPid: client.pid }, 'a shim does not answer; it is killed')
        client.kill()
      },
    )
    void client.closed.then(() => heartbeat[Symbol.dispose]())
  }

  /** Without the rest: it is about to end. */
  async #watched(shim: string, onClose: () => void): Promise<ShimClient> {
    const client = await this.#connect(shim, onClose)
    this.#watch(shim, client)
    return client
  }

  async #connectOrStart(shim: string, onClose: () => void): Promise<ShimClient> {
    try {
      return await this.#connect(shim, onClose)
    } catch (error) {
      const gone = isUnavailable(error)
      if (!gone && !isAbsent(error)) throw error
      if (gone) this.#log.warn({ shim, error: messageOf(error) }, 'a shim is replaced')
    }
    try {
      return await this.#start(shim, onClose)
    } catch (error) {
      // It was killed before anybody could count on it: those who wait for it need not know.
      if (!isUnavailable(error)) throw error
      this.#log.warn({ shim, error: messageOf(error) }, 'a shim is started again')
      return this.#start(shim, onClose)
    }
  }

  async #start(shim: string, onClose: () => void): Promise<ShimClient> {
    const { folder, entry } = this.#options
    const pid = await startShim({ entry, socket: this.#socket(shim), log: join(folder, `${shim}.log`) })
    this.#log.info({ shim, shimPid: pid }, 'started a shim')
    return this.#connect(shim, onClose)
  }

  #connect(shim: string, onClose: () => void): Promise<ShimClient> {
    return ShimClient.connect(this.#socket(shim), { onExit: (exit) => this.#listener.onExit(exit), onClose })
  }

  /** The processes of the shims that are connected, by the names of the shims. */
  get pids(): ReadonlyMap<string, number> {
    return this.#pids
  }

  /** Ends the shims that have no pods. For when berthd ends: nothing idle is left behind. */
  async endIdle(): Promise<void> {
    const idle = [...this.#clients.keys()].filter((shim) => !this.#pods.has(shim))
    await Promise.all(idle.map((shim) => this.#end(shim)))
  }

  /**
   * Shims that run and are of no use: without pods (but for the first, which waits for the next pod), and those that another
   * has displaced, whose socket was taken away. The containers of these have the other one, and two must not read one pipe.
   */
  strays(): StrayShim[] {
    const idle = this.#socketNames().filter((shim) => shim !== '0' && !this.#pods.has(shim) && !this.#ending.has(shim))
    const sockets = new Map([...this.#pids.keys()].map((shim) => [this.#socket(shim), shim]))
    const displaced = processesWithArgument((argument) => sockets.has(argument)).flatMap(
      ({ pid, args }): StrayShim[] => {
        const shim = sockets.get(args[args.indexOf('--socket') + 1] ?? '')
        if (shim === undefined || this.#pids.get(shim) === pid) return []
        return [{ shim, pid, end: async () => void kill(pid, 'SIGKILL') }]
      },
    )
    return [...idle.map((shim) => ({ shim, end: () => this.#end(shim) })), ...displaced]
  }

  #socketNames(): string[] {
    return readdirSync(this.#options.folder).flatMap((name) => /^(\d+)\.sock$/.exec(name)?.[1] ?? [])
  }

  /** Ends a shim and waits until it has gone. */
  async #end(shim: string): Promise<void> {
    this.#ending.add(shim)
    try {
      const client = await (this.#clients.get(shim) ?? this.#keep(shim, (onClose) => this.#watched(shim, onClose)))
      await client.request('shutdown', null, AbortSignal.timeout(endPatience))
      await Promise.race([client.closed, delay(endPatience, undefined, { ref: false })])
    } catch (error) {
      if (!isAbsent(error)) this.#log.warn({ shim, error: messageOf(error) }, 'cannot end a shim without pods')
    } finally {
      this.#ending.delete(shim)
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

/** No shim listens at its socket. */
function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '')
}
