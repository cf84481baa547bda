import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { listMountPoints, mountOf, readMounts } from '../linux/mount-facts.ts'
import { bindMount, MS, mount, unmountTree } from '../linux/mount.ts'
import type { MountView } from '../linux/mount-view.ts'
import type { Layout } from './layout.ts'

/**
 * Keeps the mounts of all pods below two folders that are mount points themselves, so that the OCI runtime, when it starts a
 * container, can be shown those of its own pod alone (`linux/mount-view.ts`).
 *
 * The folders share their mounts, if the rest of the machine does, with pods that have one of the folders above them as a
 * volume. But the mount that they are on does not, or hiding them from one process would take them from all.
 */
export class MountsApart {
  readonly #layout: Layout
  readonly #log: Logger
  #ready = false

  constructor(layout: Layout, log: Logger) {
    this.#layout = layout
    this.#log = log
  }

  /** Makes the mounts, unless an earlier berthd has. Without them all works as well; the more pods there are, the slower. */
  make(): void {
    try {
      this.#ready = this.#make()
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'each OCI runtime sees the mounts of all pods')
    }
  }

  /** What the OCI runtime needs to see for a container of this sandbox; undefined: it cannot but see everything. */
  viewOf(sandboxId: string, containerId: string): MountView | undefined {
    if (!this.#ready) return undefined
    const shown = [this.#layout.sandbox(sandboxId).folder, this.#layout.container(containerId).bundle]
    return { hidden: this.#layout.podFolders, shown }
  }

  /** Takes the mounts away when no pod has any left. */
  release(): void {
    const { podFolders, state, mountsApartNote } = this.#layout
    const points = listMountPoints()
    if (!this.#ready || points.some((path) => podFolders.some((folder) => path.startsWith(`${folder}/`)))) return
    this.#ready = false
    for (const folder of podFolders) if (points.includes(folder)) unmountTree(folder)
    if (existsSync(mountsApartNote) && points.includes(state)) unmountTree(state)
    rmSync(mountsApartNote, { force: true })
  }

  #make(): boolean {
    const { podFolders, state, mountsApartNote } = this.#layout
    const mounts = readMounts()
    const points = new Set(mounts.map(({ mountPoint }) => mountPoint))
    const missing = podFolders.filter((folder) => !points.has(folder))
    // Those of pods that an earlier version of Berth has made would be below what is mounted now.
    const covered = missing.some((folder) => [...points].some((path) => path.startsWith(`${folder}/`)))
    if (covered) return false
    const shared = mountOf(state, mounts)?.shared === true
    if (shared && missing.length > 0) {
      // Before the mount: it is to be known as ours whenever it is there.
      writeFileSync(mountsApartNote, '', { mode: 0o600 })
      bindMount(state, state)
      mount('', state, null, MS.PRIVATE, null)
    }
    for (const folder of missing) bindMount(folder, folder)
    if (existsSync(mountsApartNote)) for (const folder of podFolders) mount('', folder, null, MS.SHARED, null)
    return true
  }
}
