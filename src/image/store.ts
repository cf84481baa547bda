import { existsSync } from 'node:fs'
import type { Logger } from '../lib/log.ts'
import type { Database } from '../state/database.ts'
import { type RecordProblem, RecordTable } from '../state/record-table.ts'
import { imageNotHere } from './errors.ts'
import type { StoredImage } from './image.ts'
import { imageUser, parseImageConfig } from './image-config.ts'
import { type ImageRecord, imageRecords, type LayerRecord, layerRecords } from './image-records.ts'
import type { LayerFolders } from './layer-folders.ts'
import { findImage } from './lookup.ts'
import { assignNames, type NewNames } from './names.ts'
import type { ImageReference } from './reference.ts'
import type { StoredItem } from './inventory.ts'

export interface ImageStoreOptions {
  readonly database: Database
  readonly folders: LayerFolders
  readonly log: Logger
  readonly isPinned: (record: ImageRecord) => boolean
  /** Ids of images that containers stand on. */
  readonly inUse: () => Iterable<string>
  /** Records were lost: a layer that seems to be nobody's may have a container on it. */
  readonly recordsLost?: boolean
}

/** Layers of an interrupted pull are kept this long, in milliseconds; the kubelet tries again after 5 minutes at most. */
const keepFor = 3600 * 1000

/**
 * The images and layers that are here: records in memory, written through to the database, and the folders that they
 * stand for. Everything but the deleting of files is synchronous, so that each call sees and leaves a whole state.
 */
export class ImageStore {
  readonly #options: ImageStoreOptions
  readonly #imageTable: RecordTable<ImageRecord>
  readonly #layerTable: RecordTable<LayerRecord>
  readonly #images: Map<string, ImageRecord>
  readonly #layers: Map<string, LayerRecord>
  #shown = new WeakMap<ImageRecord, StoredImage>()
  /** Something could not be read, and may speak of any layer: none is deleted. */
  readonly #keepLayers: boolean
  /** What was not as it should be when the records were loaded. */
  readonly problems: readonly RecordProblem[]
  /** Layers that no image has yet, but the next pull may want, until when (milliseconds since the epoch). */
  readonly #kept = new Map<string, number>()
  /** Layers that pulls under way count on, with how many. */
  readonly #held = new Map<string, number>()

  /** Loads the records, forgets layers whose folder has gone, and deletes folders that have no record. */
  constructor(options: ImageStoreOptions) {
    const { database, folders, log } = options
    this.#options = options
    this.#imageTable = new RecordTable(database, imageRecords)
    this.#layerTable = new RecordTable(database, layerRecords)
    const images = this.#imageTable.load()
    const layers = this.#layerTable.load()
    this.#images = images.records
    this.#layers = layers.records
    this.problems = [...images.problems, ...layers.problems]
    const present = folders.present()
    for (const layer of layers.records.values()) {
      folders.skipTo(layer.number)
      if (present.has(layer.number)) continue
      log.warn(
        { layer: layer.diffId, number: layer.number },
        'the folder of a layer has gone; the next pull fetches it',
      )
      this.#layers.delete(layer.diffId)
      this.#layerTable.delete(layer.diffId)
    }
    const unreadable = [...images.unreadable, ...layers.unreadable]
    this.#keepLayers = unreadable.length > 0 || options.recordsLost === true
    folders.sweep(this.#keepLayers ? present : new Set([...layers.records.values()].map(({ number }) => number)))
    this.keep([...this.#layers.keys()])
  }

  /** Other images may be pinned from now on. */
  forgetShown(): void {
    this.#shown = new WeakMap()
  }

  layer(diffId: string): LayerRecord | undefined {
    return this.#layers.get(diffId)
  }

  /** The folder of a recorded layer. */
  folderOf(layer: LayerRecord): string {
    return this.#options.folders.layer(layer.number)
  }

  /** Records a layer whose folder is finished and durable. */
  addLayer(layer: LayerRecord): void {
    this.#layerTable.put(layer.diffId, layer)
    this.#layers.set(layer.diffId, layer)
  }

  /** The layers stay until the answer is disposed of, although no image has them yet. */
  hold(diffIds: readonly string[]): Disposable {
    for (const diffId of diffIds) this.#held.set(diffId, (this.#held.get(diffId) ?? 0) + 1)
    return {
      [Symbol.dispose]: () => {
        for (const diffId of diffIds) {
          const count = (this.#held.get(diffId) ?? 1) - 1
          if (count === 0) this.#held.delete(diffId)
          else this.#held.set(diffId, count)
        }
      },
    }
  }

  /** An interrupted pull has fetched these: they stay for a while for the next one. */
  keep(diffIds: readonly string[]): void {
    for (const diffId of diffIds) this.#kept.set(diffId, Date.now() + keepFor)
  }

  /** Records an image whose layers are all here, under its names. */
  addImage(image: ImageRecord, names: NewNames): void {
    const changed = assignNames(this.#images.values(), image, names)
    this.#options.database.transaction(() => {
      for (const record of changed) this.#imageTable.put(record.id, record)
    })
    for (const record of changed) this.#images.set(record.id, record)
    for (const diffId of image.diffIds) this.#kept.delete(diffId)
  }

  /** The record of an image that is ready to run. Throws `invalid-argument` when a prefix fits several. */
  find(image: string): ImageRecord | undefined {
    const record = this.findRecorded(image)
    return record && this.#isReady(record) ? record : undefined
  }

  /** As {@link find}, also when layers of it have gone. */
  findRecorded(image: string): ImageRecord | undefined {
    return findImage(this.#visible(), image)
  }

  /** The image that a digest of this repository stands for, if it is ready; also by the digest of its own manifest. */
  findByDigest(reference: ImageReference, digest: string): ImageRecord | undefined {
    const name = `${reference.name}@${digest}`
    return this.#visible().find((record) => record.digests.includes(name) && this.#isReady(record))
  }

  list(): readonly StoredImage[] {
    return this.#visible()
      .filter((record) => this.#isReady(record))
      .map((record) => this.present(record))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** The record in the form that other rooms see. */
  present(record: ImageRecord): StoredImage {
    const known = this.#shown.get(record)
    if (known) return known
    const { artifactType } = record
    const { config } = parseImageConfig(Buffer.from(record.configJson))
    const shown = {
      id: record.id,
      ...(artifactType !== undefined && { artifactType }),
      repoTags: record.tags,
      repoDigests: record.digests,
      manifestDigest: record.manifestDigest,
      sizeBytes: record.sizeBytes,
      user: imageUser(config.user),
      pinned: this.#options.isPinned(record),
      diffIds: record.diffIds,
      pulledAt: record.pulledAt,
      annotations: record.annotations,
      configJson: record.configJson,
    }
    this.#shown.set(record, shown)
    return shown
  }

  /** The folders of an image's layers, lowest first. */
  layerDirs(record: ImageRecord): readonly string[] {
    const { folders } = this.#options
    // Overlayfs refuses a folder that comes twice. Only the upper one counts: it has all that the lower one has.
    const distinct = record.diffIds.filter((diffId, at) => record.diffIds.lastIndexOf(diffId) === at)
    // And it wants one folder at least, also of an image that has no layers.
    if (distinct.length === 0) return [folders.empty]
    return [...distinct, ...foldersLayerOf(record)].map((diffId) => {
      const layer = this.#layers.get(diffId)
      if (!layer) throw imageNotHere(record.tags[0] ?? record.id)
      return folders.layer(layer.number)
    })
  }

  /** Removes an image with all its names; it is not seen any more from now on. No error when it is not here. */
  remove(image: string): void {
    const record = findImage(this.#visible(), image)
    if (!record) return
    const removed = { ...record, tags: [], digests: [], removed: true }
    this.#imageTable.put(record.id, removed)
    this.#images.set(record.id, removed)
    for (const diffId of record.diffIds) this.#kept.delete(diffId)
    this.sweep()
  }

  /** Deletes removed images that no container stands on, and layers that neither an image nor a pull needs. */
  sweep(): void {
    const used = new Set(this.#options.inUse())
    const dead = [...this.#images.values()].filter(({ id, removed }) => removed && !used.has(id))
    for (const { id } of dead) {
      this.#imageTable.delete(id)
      this.#images.delete(id)
    }
    if (this.#keepLayers) return
    const now = Date.now()
    for (const [diffId, until] of this.#kept) if (until < now || !this.#layers.has(diffId)) this.#kept.delete(diffId)
    const needed = new Set([...this.#images.values()].flatMap((record) => layersOf(record)))
    for (const { diffId, number } of [...this.#layers.values()]) {
      if (needed.has(diffId) || this.#held.has(diffId) || this.#kept.has(diffId)) continue
      this.#layerTable.delete(diffId)
      this.#layers.delete(diffId)
      this.#options.folders.discardLayer(number)
    }
  }

  /** Forgets a layer whose folder has gone: the images that stand on it are not ready any more, and can be pulled again. */
  forgetLayer(diffId: string): void {
    this.#layerTable.delete(diffId)
    this.#layers.delete(diffId)
  }

  /** The layers of an image that are not here, or whose folder has gone from the disk. */
  missingLayers(record: ImageRecord): string[] {
    return layersOf(record).filter((diffId) => {
      const layer = this.#layers.get(diffId)
      return layer === undefined || !existsSync(this.folderOf(layer))
    })
  }

  /** Every layer with those who want it. */
  inventory(): StoredItem[] {
    const used = new Set(this.#options.inUse())
    const now = Date.now()
    return [...this.#layers.values()].map(({ diffId, number, bytes }) => {
      const images = [...this.#images.values()].filter((record) => layersOf(record).includes(diffId))
      const owners = images
        .filter(({ id, removed }) => !removed || used.has(id))
        .map(({ id, tags, digests, removed }) => tags[0] ?? digests[0] ?? (removed ? `${id} (a container)` : id))
      if (this.#held.has(diffId)) owners.push('a pull under way')
      const until = this.#kept.get(diffId) ?? 0
      if (until > now) owners.push(`the next pull, until ${new Date(until).toISOString()}`)
      if (this.#keepLayers && owners.length === 0) owners.push('perhaps a record that cannot be read')
      return { kind: 'layer', path: `layers/${number}`, diffId, bytes, owners, unused: owners.length === 0 }
    })
  }

  /** What layers and configurations take of the disk. */
  usage(): { readonly bytes: number; readonly inodes: number } {
    let bytes = 0
    let inodes = 0
    for (const layer of this.#layers.values()) {
      bytes += layer.bytes
      inodes += layer.inodes
    }
    for (const { configJson } of this.#images.values()) bytes += configJson.length
    return { bytes, inodes }
  }

  #visible(): ImageRecord[] {
    return [...this.#images.values()].filter(({ removed }) => !removed)
  }

  #isReady(record: ImageRecord): boolean {
    return layersOf(record).every((diffId) => this.#layers.has(diffId))
  }
}

function foldersLayerOf({ foldersLayer }: ImageRecord): readonly string[] {
  return foldersLayer === undefined ? [] : [foldersLayer]
}

/** Everything that the image stands on. */
function layersOf(record: ImageRecord): readonly string[] {
  return [...record.diffIds, ...foldersLayerOf(record)]
}
