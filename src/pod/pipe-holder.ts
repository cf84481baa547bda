import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { openFifoForReading, openFifoForWriting } from '../linux/fifo.ts'
import { Keeper } from '../linux/keeper.ts'
import { openPidfd } from '../linux/pidfd.ts'

/** The named pipes in a bundle: those of the container, or the one through which what its terminal shows goes to the log. */
export function outputPipes(tty: boolean): readonly ('stdout' | 'stderr')[] {
  return tty ? ['stdout'] : ['stdout', 'stderr']
}

/** What of a container is held: its pipes, its pty master, and a pidfd of its first process. */
type Held = 'stdout' | 'stderr' | 'stdin' | 'terminal' | 'process'

export interface PipeHolderOptions {
  /** Where the keeper's pid is on record. */
  readonly record: string
  /** What `ps` shows as the keeper's owner. */
  readonly owner: string
  readonly log: Logger
}

/**
 * berthd's hold on what belongs to containers and cannot be opened again once nobody has it open. It never reads the output
 * pipes: as long as somebody has them open, what a container wrote just before it ended stays in them, even if the
 * container's shim is dead at that moment (pipe(7): a pipe's content is gone when nobody has it open). With the pidfd the
 * exit code can be asked for after the process is gone (Linux 6.15).
 *
 * A {@link Keeper} holds copies for the moment when berthd and a shim are dead at the same time.
 */
export class PipeHolder implements Disposable {
  readonly #options: PipeHolderOptions
  readonly #held = new Map<string, Map<Held, number>>()
  #keeper: Keeper | undefined
  #closed = false

  /** Takes up what an earlier berthd held. */
  constructor(options: PipeHolderOptions) {
    this.#options = options
    const found = Keeper.find(options.record)
    for (const [name, fd] of found?.kept ?? []) {
      const [id = '', what = ''] = name.split('/')
      this.#fdsOf(id).set(what as Held, fd)
    }
    if (found) this.#use(found.keeper)
    else this.#startKeeper()
  }

  hold(id: string, bundle: string, tty: boolean): void {
    for (const name of outputPipes(tty)) {
      if (this.#has(id, name)) continue
      try {
        this.#add(id, name, openFifoForReading(join(bundle, name)))
      } catch (error) {
        // A terminal of an earlier berthd has no pipe.
        if (!tty || errnoOf(error) !== 'ENOENT') throw error
      }
    }
  }

  /**
   * Holds the stdin of a running container that shall end with its first client, and not before: not when the shim dies,
   * which holds it too. Nothing to hold when that client is done, or the container has closed its stdin.
   */
  holdStdin(id: string, bundle: string): void {
    if (this.#has(id, 'stdin')) return
    try {
      this.#add(id, 'stdin', openFifoForWriting(join(bundle, 'stdin')))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENXIO') throw error
    }
  }

  /** Takes over `master`, a copy of the container's pty master: as long as anybody has it, the terminal does not hang up. */
  holdTerminal(id: string, master: number): void {
    // The keeper may have it already: it is the same one.
    if (this.#has(id, 'terminal')) closeSync(master)
    else this.#add(id, 'terminal', master)
  }

  /** Holds the first process of a container that runs under `pid` at this moment. */
  holdProcess(id: string, pid: number): void {
    if (this.#has(id, 'process')) return
    try {
      this.#add(id, 'process', openPidfd(pid))
    } catch (error) {
      // It has ended and was reaped: its shim knows how.
      if (errnoOf(error) !== 'ESRCH') throw error
    }
  }

  /** The pty master that is held. */
  terminal(id: string): number | undefined {
    return this.#held.get(id)?.get('terminal')
  }

  /** The pidfd that is held. */
  process(id: string): number | undefined {
    return this.#held.get(id)?.get('process')
  }

  releaseStdin(id: string): void {
    const fds = this.#held.get(id)
    const fd = fds?.get('stdin')
    if (fd === undefined) return
    fds?.delete('stdin')
    closeSync(fd)
    // Not some time: the container waits for its end.
    this.#keep((keeper) => keeper.remove([nameOf(id, 'stdin')], { now: true }))
  }

  release(id: string): void {
    const fds = this.#held.get(id)
    if (!fds) return
    this.#held.delete(id)
    for (const fd of fds.values()) closeSync(fd)
    this.#keep((keeper) => keeper.remove([...fds.keys()].map((what) => nameOf(id, what))))
  }

  /** Lets go of what belongs to containers that `isWanted` is false of. */
  releaseOthers(isWanted: (id: string) => boolean): void {
    for (const id of [...this.#held.keys()]) if (!isWanted(id)) this.release(id)
  }

  #fdsOf(id: string): Map<Held, number> {
    let fds = this.#held.get(id)
    if (!fds) this.#held.set(id, (fds = new Map()))
    return fds
  }

  #has(id: string, what: Held): boolean {
    return this.#held.get(id)?.has(what) ?? false
  }

  #add(id: string, what: Held, fd: number): void {
    this.#fdsOf(id).set(what, fd)
    this.#keep((keeper) => keeper.put(nameOf(id, what), fd))
  }

  /** Without a keeper everything works but when berthd and a shim die together. */
  #keep(action: (keeper: Keeper) => void): void {
    try {
      if (this.#keeper) action(this.#keeper)
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, 'the keeper cannot be used; another is started')
      // It is noticed that it has ended.
      this.#keeper?.end()
    }
  }

  #startKeeper(): void {
    try {
      this.#use(Keeper.start(this.#options.record, this.#options.owner))
    } catch (error) {
      const problem = 'no keeper can be started: what containers write while berthd and their shim are dead may be lost'
      return this.#options.log.error({ error: messageOf(error) }, problem)
    }
    for (const [id, fds] of this.#held) {
      for (const [what, fd] of fds) this.#keep((keeper) => keeper.put(nameOf(id, what), fd))
    }
  }

  #use(keeper: Keeper): void {
    this.#keeper = keeper
    void keeper.ended.then(() => {
      this.#keeper = undefined
      keeper[Symbol.dispose]()
      if (this.#closed) return
      this.#options.log.warn({}, 'the keeper has ended; another is started')
      this.#startKeeper()
    })
  }

  /** The keeper goes on if there is something to keep. */
  [Symbol.dispose](): void {
    this.#closed = true
    if (this.#keeper?.isEmpty) this.#keeper.end()
    for (const fds of this.#held.values()) for (const fd of fds.values()) closeSync(fd)
    this.#held.clear()
  }
}

function nameOf(id: string, what: Held): string {
  return `${id}/${what}`
}
