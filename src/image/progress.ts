/**
 * How far a pull is: a plain object that the pull writes to and anybody may read at any time. Bytes are those of the
 * compressed layers, as they come over the wire.
 */
export type PullStage =
  | 'queued'
  | 'resolving'
  | 'downloading'
  | 'unpacking'
  | 'verifying'
  | 'recording'
  | 'done'
  | 'failed'

/** `present`: nothing had to be done. `waiting`: another pull is fetching the same layer, or all places are taken. */
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
