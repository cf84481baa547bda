import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import { openFifoForReading, openFifoForWriting } from '../linux/fifo.ts'

/** The named pipes in a bundle: those of the container, or the one through which what its terminal shows goes to the log. */
export function outputPipes(tty: boolean): readonly string[] {
  return tty ? ['stdout'] : ['stdout', 'stderr']
}

/**
 * berthd's hold on the output pipes of containers. It never reads them: as long as it has them open, what a container wrote
 * just before it ended stays in the pipe, even if the container's shim is dead at that moment (pipe(7): a pipe's content is
 * gone when nobody has it open).
 */
export class PipeHolder {
  readonly #held = new Map<string, readonly number[]>()
  readonly #terminals = new Map<string, number>()
  readonly #stdins = new Map<string, number>()

  hold(containerId: string, bundle: string, tty: boolean): void {
    if (this.#held.has(containerId)) return
    const fds: number[] = []
    for (const name of outputPipes(tty)) {
      try {
        fds.push(openFifoForReading(join(bundle, name)))
      } catch (error) {
        // A terminal of an earlier berthd has no pipe.
        if (!tty || errnoOf(error) !== 'ENOENT') throw error
      }
    }
    this.#held.set(containerId, fds)
  }

  /**
   * Holds the stdin of a running container that shall end with its first client, and not before: not when the shim dies,
   * which holds it too. Nothing to hold when that client is done, or the container has closed its stdin.
   */
  holdStdin(containerId: string, bundle: string): void {
    if (this.#stdins.has(containerId)) return
    try {
      this.#stdins.set(containerId, openFifoForWriting(join(bundle, 'stdin')))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENXIO') throw error
    }
  }

  /** Takes over `master`, a copy of the container's pty master: as long as anybody has it, the terminal does not hang up. */
  holdTerminal(containerId: string, master: number): void {
    const before = this.#terminals.get(containerId)
    if (before !== undefined) closeSync(before)
    this.#terminals.set(containerId, master)
  }

  /** The pty master that is held. */
  terminal(containerId: string): number | undefined {
    return this.#terminals.get(containerId)
  }

  releaseStdin(containerId: string): void {
    const fd = this.#stdins.get(containerId)
    if (fd !== undefined) closeSync(fd)
    this.#stdins.delete(containerId)
  }

  release(containerId: string): void {
    this.releaseStdin(containerId)
    for (const fd of this.#held.get(containerId) ?? []) closeSync(fd)
    this.#held.delete(containerId)
    const terminal = this.#terminals.get(containerId)
    if (terminal !== undefined) closeSync(terminal)
    this.#terminals.delete(containerId)
  }
}
