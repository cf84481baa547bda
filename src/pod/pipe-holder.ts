import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { openFifoForReading } from '../linux/fifo.ts'

/**
 * berthd's hold on the output pipes of containers. It never reads them: as long as it has them open, what a container wrote
 * just before it ended stays in the pipe, even if the container's shim is dead at that moment (pipe(7): a pipe's content is
 * gone when nobody has it open).
 */
export class PipeHolder {
  readonly #held = new Map<string, readonly number[]>()

  hold(containerId: string, bundle: string): void {
    if (this.#held.has(containerId)) return
    const fds: number[] = []
    for (const name of ['stdout', 'stderr']) fds.push(openFifoForReading(join(bundle, name)))
    this.#held.set(containerId, fds)
  }

  release(containerId: string): void {
    for (const fd of this.#held.get(containerId) ?? []) closeSync(fd)
    this.#held.delete(containerId)
  }
}
