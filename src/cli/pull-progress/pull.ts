/** A pull under way, as the admin socket tells it. */
export interface Pull {
  readonly image: string
  readonly stage: string
  readonly layers: readonly LayerOfPull[]
}

export interface LayerOfPull {
  readonly digest: string
  readonly stage: string
  readonly totalBytes: number
  readonly downloadedBytes: number
  readonly unpackedBytes: number
}
