import * as v from 'valibot'
import type { RecordKind } from '../state/record-table.ts'

/** An image as it is recorded. Its names are part of it: a name belongs to at most one image. */
export interface ImageRecord {
  /** The digest of its configuration; of an artifact that of its manifest. */
  readonly id: string
  /** Of an artifact: what it says it is. */
  readonly artifactType?: string
  /** `docker.io/library/busybox:latest`. */
  readonly tags: readonly string[]
  /** `docker.io/library/busybox@sha256:…`. */
  readonly digests: readonly string[]
  readonly manifestDigest: string
  readonly sizeBytes: number
  readonly diffIds: readonly string[]
  /** A layer of folders that goes on top (see implied-folders.ts), by the name under which it is recorded. */
  readonly foldersLayer?: string
  readonly annotations: Readonly<Record<string, string>>
  readonly configJson: string
  /** Nanoseconds since the epoch. */
  readonly pulledAt: bigint
  /** Removed, but a container still stands on its layers: not shown, and deleted when it is free. */
  readonly removed: boolean
}

/** A layer as it is recorded: its folder is complete and on the disk. */
export interface LayerRecord {
  /** The digest of its tar; `folders:…` for one that Berth itself made, `file:…` for a file of an artifact. */
  readonly diffId: string
  /** The name of its folder. */
  readonly number: number
  /** What it takes of the disk. */
  readonly bytes: number
  readonly inodes: number
  /** Folders in it that no entry of the tar named: their owner and mode are those of a lower layer, if it has them. */
  readonly impliedFolders: readonly string[]
}

const texts = v.array(v.string())

const imageBody = v.object({
  tags: texts,
  digests: texts,
  manifestDigest: v.string(),
  sizeBytes: v.number(),
  diffIds: texts,
  artifactType: v.exactOptional(v.string()),
  foldersLayer: v.exactOptional(v.string()),
  annotations: v.record(v.string(), v.string()),
  configJson: v.string(),
  pulledAt: v.pipe(
    v.string(),
    v.regex(/^[0-9]+$/),
    v.transform((digits) => BigInt(digits)),
  ),
  removed: v.boolean(),
  id: v.string(),
})

const layerBody = v.object({
  diffId: v.string(),
  number: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  bytes: v.number(),
  inodes: v.number(),
  impliedFolders: texts,
})

export const imageRecords: RecordKind<ImageRecord> = {
  table: 'images',
  version: 1,
  encode: (record) => ({ ...record, pulledAt: String(record.pulledAt) }),
  decode: (body) => v.parse(imageBody, body),
}

export const layerRecords: RecordKind<LayerRecord> = {
  table: 'layers',
  version: 1,
  encode: (record) => record,
  decode: (body) => v.parse(layerBody, body),
}
