import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs'

/**
 * Brings what is in the write-ahead log of a database to the disk, with one fdatasync(2) for all who wait meanwhile. SQLite keeps
 * the file of the log as long as the database is open.
 */
export class LogSync implements Disposable {
  readonly #file: number
  #underWay: Promise<void> | undefined
  #next: Promise<void> | undefined
  #isClosed = false

  constructor(database: string) {
    this.#file = openSync(`${database}-wal`, 'r')
  }

  /** Resolves when all that was written before the call is on disk; rejects with the error of fdatasync(2). */
  synced(): Promise<void> {
    // One that is under way may have begun before the last write.
    if (this.#underWay) this.#next ??= this.#underWay.catch(() => {}).then(() => this.#sync())
    return this.#next ?? this.#sync()
  }

  /** The same in one stretch. */
  syncNow(): void {
    fdatasyncSync(this.#file)
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    if (!this.#underWay) closeSync(this.#file)
  }

  #sync(): Promise<void> {
    this.#next = undefined
    if (this.#isClosed) return Promise.reject(new Error('the database was closed before its log was on disk'))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#underWay = promise
    fdatasync(this.#file, (error) => {
      if (error) reject(error)
      else resolve()
      // Whoever waits for this one begins the next before anything else happens.
      if (this.#underWay === promise) this.#underWay = undefined
      if (this.#isClosed && !this.#underWay) closeSync(this.#file)
    })
    return promise
  }
}
