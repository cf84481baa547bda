import { messageOf } from '../lib/errors.ts'

/**
 * How far a pull is. Bytes are those of the compressed layers, as they come over the wire.
 */
export type PullStage = 'resolving' | 'downloading' | 'unpacking' | 'recording' | 'done' | 'failed'

/**
 * `waiting`: for a place, or for another pull that is fetching the same layer. `present`: nothing had to be done.
 * `verifying`: digests are compared and the layer is made durable. A layer is unpacked while it is downloaded.
 */
export type LayerStage = 'waiting' | 'downloading' | 'unpacking' | 'verifying' | 'done' | 'present' | 'failed'

export interface LayerProgress {
  readonly digest: string
  readonly stage: LayerStage
  readonly totalBytes: number
  readonly downloadedBytes: number
  readonly unpackedBytes: number
}

export interface PullProgress {
  /** The full name that is pulled. */
  readonly image: string
  readonly stage: PullStage
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number
  readonly stageSinceMs: number
  readonly layers: readonly LayerProgress[]
  /** What went wrong, when the stage is `failed`. */
  readonly error?: string
}

/** The pull's side of one layer's progress. */
export interface LayerTracker {
  stage: LayerStage
  /** Both are asked whenever somebody looks. */
  downloadedBytes: () => number
  unpackedBytes: () => number
}

/** The pull's side of its progress. */
export class PullTracker {
  readonly #image: string
  readonly #startedAtMs = Date.now()
  #stage: PullStage = 'resolving'
  #stageSinceMs = this.#startedAtMs
  #error: string | undefined
  readonly #layers: { readonly digest: string; readonly totalBytes: number; readonly tracker: LayerTracker }[] = []

  constructor(image: string) {
    this.#image = image
  }

  layer(digest: string, totalBytes: number): LayerTracker {
    const tracker: LayerTracker = { stage: 'waiting', downloadedBytes: () => 0, unpackedBytes: () => 0 }
    this.#layers.push({ digest, totalBytes, tracker })
    return tracker
  }

  enter(stage: PullStage): void {
    this.#stage = stage
    this.#stageSinceMs = Date.now()
  }

  fail(error: unknown): void {
    this.#error = messageOf(error)
    this.enter('failed')
  }

  /** As it is now. */
  snapshot(): PullProgress {
    const unpacking = this.#layers.length > 0 && this.#layers.every(({ tracker }) => !pending.has(tracker.stage))
    return {
      image: this.#image,
      stage: this.#stage === 'downloading' && unpacking ? 'unpacking' : this.#stage,
      startedAtMs: this.#startedAtMs,
      stageSinceMs: this.#stageSinceMs,
      layers: this.#layers.map(({ digest, totalBytes, tracker }) => ({
        digest,
        stage: tracker.stage,
        totalBytes,
        downloadedBytes: tracker.downloadedBytes(),
        unpackedBytes: tracker.unpackedBytes(),
      })),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    }
  }
}

const pending: ReadonlySet<LayerStage> = new Set(['waiting', 'downloading'])
