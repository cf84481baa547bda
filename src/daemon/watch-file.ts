import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'

/** A file is left alone this long before it counts as written, in milliseconds: some editors write in several steps. */
const settleMs = 300

/**
 * Calls `onChange` after the file has been written or replaced, be it by a rename or by a link that leads elsewhere. What is
 * watched is its folder. That the file is gone is no change: it may be about to come back.
 */
export class FileWatch implements Disposable {
  readonly #path: string
  #seen: string | undefined
  /** What is there since the last look, and may not be all yet. */
  #unsettled: string | undefined
  #watcher: FSWatcher | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param seen {@link signatureOf} the file when it was read: a change since then is told of, too */
  constructor(path: string, seen: string | undefined, log: Logger, onChange: () => void) {
    this.#path = path
    this.#seen = seen
    this.#unsettled = seen
    // Also for other files of the folder, which may change all the time: that must not put it off.
    const lookSoon = () => {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        if (!this.#look(log, onChange)) lookSoon()
      }, settleMs).unref()
    }
    lookSoon()
    try {
      this.#watcher = watch(dirname(path), { persistent: false }, lookSoon)
      this.#watcher.on('error', () => this[Symbol.dispose]())
    } catch (error) {
      // No such folder, or no inotify watch left: there is still SIGHUP.
      log.debug({ path, error: messageOf(error) }, 'a file cannot be watched')
    }
  }

  /** Answers whether nothing is left to be looked at. */
  #look(log: Logger, onChange: () => void): boolean {
    const signature = signatureOf(this.#path)
    const isSettled = signature === this.#unsettled
    this.#unsettled = signature
    if (!isSettled || signature === this.#seen) return isSettled
    this.#seen = signature
    if (signature !== undefined) onChange()
    else log.warn({ path: this.#path }, 'the file is gone; what it said stays in force until SIGHUP or a restart')
    return true
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#watcher?.close()
    this.#watcher = undefined
  }
}

/** Tells one state of a file from another; undefined where there is none. */
export function signatureOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true })
    return `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
  } catch {
    return undefined
  }
}
