import { openSpan } from '../lib/span.ts'

/**
 * The operations under way. A call of the API is not an operation: a client that gave up and comes back with the same
 * request joins the operation that its first call began, and gets its result. Each has a stage and an age that a user can
 * see.
 */
export interface Operation {
  /** What is being done: `RunPodSandbox`. */
  readonly name: string
  /** On what: the key under which a repeated request joins. */
  readonly key: string
  /** What it is doing now, for people: `attaching the network`. */
  readonly stage: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly stageSince: number
}

/** In which stage an operation was that failed with this error; undefined for the error of something else. */
export function stageOfFailure(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null ? stages.get(error) : undefined
}

const stages = new WeakMap<object, string>()

/** Tells what the operation does now. */
export type SetStage = (stage: string) => void

interface Entry {
  operation: Operation
  readonly fingerprint: string
  readonly result: Promise<unknown>
}

/** Hears of each stage when it has ended, how long it took, and whether the operation failed in it. */
export type StageListener = (operation: string, stage: string, ms: number, failed: boolean) => void

export class Operations {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number
  readonly #onStageEnd: StageListener

  constructor(now: () => number = Date.now, onStageEnd: StageListener = () => {}) {
    this.#now = now
    this.#onStageEnd = onStageEnd
  }

  /**
   * Begins `work`, or joins the operation of the same name and key that is under way. One with another fingerprint is not
   * joined: `conflict` makes the error that the caller gets.
   */
  run<T>(
    request: { readonly name: string; readonly key: string; readonly fingerprint: string },
    work: (setStage: SetStage) => Promise<T>,
    conflict: (underWay: Operation) => Error,
  ): Promise<T> {
    const id = `${request.name} ${request.key}`
    const known = this.#entries.get(id)
    if (known) {
      if (known.fingerprint !== request.fingerprint) return Promise.reject(conflict(known.operation))
      return known.result as Promise<T>
    }
    const now = this.#now()
    let endSpan = () => {}
    let since = performance.now()
    const endStage = (failed: boolean) => {
      endSpan()
      const began = since
      since = performance.now()
      this.#onStageEnd(request.name, entry.operation.stage, since - began, failed)
    }
    const setStage = (stage: string) => {
      endStage(false)
      endSpan = openSpan(stage)
      entry.operation = { ...entry.operation, stage, stageSince: this.#now() }
    }
    const result = Promise.resolve().then(() => work(setStage).finally(() => endSpan()))
    const entry: Entry = {
      operation: { name: request.name, key: request.key, stage: 'beginning', startedAt: now, stageSince: now },
      fingerprint: request.fingerprint,
      result,
    }
    this.#entries.set(id, entry)
    const end = (failed = false) => {
      endStage(failed)
      this.#entries.delete(id)
    }
    result.then(
      () => end(),
      (error: unknown) => {
        if (typeof error === 'object' && error !== null) stages.set(error, entry.operation.stage)
        end(true)
      },
    )
    return result
  }

  /** Resolves when the operation of that name and key has ended, well or not; at once when there is none. */
  async join(name: string, key: string): Promise<void> {
    await this.#entries.get(`${name} ${key}`)?.result.catch(() => {})
  }

  /** What is under way, oldest first. */
  list(): readonly Operation[] {
    return [...this.#entries.values()].map((entry) => entry.operation)
  }
}
