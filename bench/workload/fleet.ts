import type { Endpoint } from '../run/endpoint.ts'
import { assertRuns, type Pod, type PodRequest, podDown, podPrefix, podUp } from './pod.ts'

/** How many pods are made or ended at the same time. */
const atOnce = 4

/** Pods that stay while something is measured beside them. */
export class Fleet {
  readonly #endpoint: Endpoint
  readonly #folder: string
  readonly #pods: Pod[] = []
  #made = 0

  constructor(endpoint: Endpoint, folder: string) {
    this.#endpoint = endpoint
    this.#folder = folder
  }

  get pods(): readonly Pod[] {
    return this.#pods
  }

  /** Adds pods until there are `count`, each seen to run. */
  async grow(count: number, request: Partial<PodRequest> = {}): Promise<void> {
    await inParallel(count - this.#pods.length, async () => {
      const name = `${podPrefix}${this.#endpoint.name}-held-${this.#made++}`
      const pod = await podUp(this.#endpoint, { name, folder: this.#folder, ...request })
      this.#pods.push(pod)
      await assertRuns(pod)
    })
  }

  /** Ends all of them; `end` when they are not to be asked to end first. */
  async remove(end: (endpoint: Endpoint, pod: Pod) => Promise<unknown> = podDown): Promise<void> {
    await inParallel(this.#pods.length, async () => {
      const pod = this.#pods.pop()
      if (pod) await end(this.#endpoint, pod)
    })
  }
}

async function inParallel(count: number, run: () => Promise<void>): Promise<void> {
  let left = count
  const worker = async () => {
    while (left-- > 0) await run()
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
