/** Something in the image store that takes space, and who wants it. */
export interface StoredItem {
  /** `layer`: a finished layer. `part`: a blob, or a part of one, on its way. `staging`: a layer being unpacked. */
  readonly kind: 'layer' | 'part' | 'staging' | 'trash'
  /** Its path below the store's root. */
  readonly path: string
  /** The digest of the layer's tar; absent for what has none. */
  readonly diffId?: string
  readonly bytes: number
  /** Names (else ids) of images, or what else keeps it; empty when nothing does. */
  readonly owners: readonly string[]
  /** The next collection deletes it. */
  readonly unused: boolean
}
