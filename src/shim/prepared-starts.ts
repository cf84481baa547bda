import { isDeepStrictEqual } from 'node:util'
import type { ContainerLaunch } from './protocol.ts'

/** How long the start of a prepared container may keep one waiting, in milliseconds; the kubelet asks for it at once. */
const patienceMs = 2_000

interface Prepared {
  giveUp(): void
}

/** Containers that are prepared for a start which will come in a moment, or never. */
export class PreparedStarts<T extends Prepared> {
  readonly #entries = new Map<
    string,
    { readonly launch: ContainerLaunch; readonly prepared: T; readonly late: NodeJS.Timeout }
  >()

  add(launch: ContainerLaunch, prepared: T): void {
    this.drop(launch.id)
    const late = setTimeout(() => this.drop(launch.id), patienceMs)
    this.#entries.set(launch.id, { launch, prepared, late })
  }

  /** The one that was prepared for just this start. */
  take(launch: ContainerLaunch): T | undefined {
    const entry = this.#entries.get(launch.id)
    if (!entry) return undefined
    if (!isDeepStrictEqual(entry.launch, launch)) {
      this.drop(launch.id)
      return undefined
    }
    clearTimeout(entry.late)
    this.#entries.delete(launch.id)
    return entry.prepared
  }

  /** It will not be started, or not soon. */
  drop(id: string): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    clearTimeout(entry.late)
    this.#entries.delete(id)
    entry.prepared.giveUp()
  }
}
