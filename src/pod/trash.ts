import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Logger } from '../lib/log.ts'
import { runCommand } from '../linux/command.ts'
import type { Reaper } from '../linux/reaper.ts'

/** How many folders are given to one process. */
const maxBatch = 1000

/**
 * Where folders go whose size is in the hands of containers: out of the way at once, and deleted behind, by a process of its own
 * (100,000 files are a second's work; Node's own `rm` does most of it on the main thread). One process at a time. What is left
 * when berthd ends is deleted by the next one.
 */
export class Trash {
  readonly #folder: string
  readonly #reaper: Reaper
  readonly #log: Logger
  #sweeping = false

  /** @param folder must exist, on the file system of what is thrown away */
  constructor(folder: string, reaper: Reaper, log: Logger) {
    this.#folder = folder
    this.#reaper = reaper
    this.#log = log
  }

  /** The folder is gone from its place when this returns; no error when it is not there. */
  throwAway(path: string): void {
    try {
      renameSync(path, join(this.#folder, newId()))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return
      throw error
    }
    this.sweep()
  }

  /** Begins to delete what is there. What cannot be deleted is tried again with the next folder. */
  sweep(): void {
    if (this.#sweeping) return
    this.#sweeping = true
    this.#deleteAll().catch((error) => {
      this.#sweeping = false
      this.#log.warn({ folder: this.#folder, error: messageOf(error) }, 'what was thrown away is not deleted yet')
    })
  }

  async #deleteAll(): Promise<void> {
    for (;;) {
      const paths = readdirSync(this.#folder).map((name) => join(this.#folder, name))
      if (paths.length === 0) break
      const args = ['-rf', '--', ...paths.slice(0, maxBatch)]
      const { exitCode, stderr } = await runCommand(this.#reaper, { file: '/bin/rm', args })
      if (exitCode !== 0) throw new Error(stderr.toString('utf8').slice(0, 1000).trim())
    }
    // At once, not a turn later: whatever comes from now on begins a new round.
    this.#sweeping = false
  }
}
