import { syncFilesystem } from '../linux/sync-filesystem.ts'

/**
 * syncfs(2) for many: layers that finish while a sync is running share the next one, so that a pull of many layers does not
 * wait for as many syncs of the whole disk.
 */
export class GroupSync {
  readonly #sync: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(path: string, sync: (path: string) => Promise<void> = syncFilesystem) {
    this.#sync = () => sync(path)
  }

  /** Resolves when everything that was written before the call is on the disk. */
  sync(): Promise<void> {
    if (!this.#running) return this.#start()
    this.#next ??= this.#running.then(
      () => this.#startNext(),
      () => this.#startNext(),
    )
    return this.#next
  }

  #startNext(): Promise<void> {
    this.#next = undefined
    return this.#start()
  }

  #start(): Promise<void> {
    const running = this.#sync().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }
}
