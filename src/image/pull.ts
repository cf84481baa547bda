import { BerthError, operationFailed, messageOf } from '../lib/errors.ts'
import type { Clock } from '../lib/clock.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { isResumable } from './errors.ts'
import { fetchLayer, type LayerWorkshop } from './fetch-layer.ts'
import type { ImageRecord } from './image-records.ts'
import { findImpliedFolders, makeFolders, nameOfFolders } from './implied-folders.ts'
import type { Platform } from './manifest.ts'
import type { NewNames } from './names.ts'
import type { PullTracker } from './progress.ts'
import { type ResolvedImage, resolveImage } from './resolve.ts'
import { Slots } from './slots.ts'
import type { ImageSource } from './source.ts'

export interface ImportRequest {
  readonly source: ImageSource
  /** The tag or digest that the source is asked for. */
  readonly target: string
  /** The full reference, for messages. */
  readonly image: string
  readonly platform: Platform
  /** The names that the image gets, once the digest is known. */
  readonly namesOf: (topDigest: string) => NewNames
  /** Throws when the image may not be used; nothing of its layers is fetched before. */
  readonly approve?: (resolved: ResolvedImage) => Promise<void>
  readonly tracker: PullTracker
  readonly parallelLayers: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Brings an image into the store: resolves it, fetches the layers that are missing, all at once but for a limit, and
 * records it when all of it is there. Answers its id. Throws BerthErrors.
 */
export async function importImage(workshop: LayerWorkshop, request: ImportRequest): Promise<string> {
  const { source, target, platform, image, tracker } = request
  try {
    const resolved = await resolveImage(source, target, platform, image)
    faultPoint('pull:resolved')
    await request.approve?.(resolved)
    await fetchAndRecord(workshop, request, resolved)
    tracker.enter('done')
    return resolved.id
  } catch (error) {
    tracker.fail(error)
    if (error instanceof BerthError) throw error
    throw operationFailed(`failed to pull image "${image}": ${messageOf(error)}`, error)
  }
}

async function fetchAndRecord(workshop: LayerWorkshop, request: ImportRequest, resolved: ResolvedImage): Promise<void> {
  const { store } = workshop
  const diffIds = resolved.layers.map(({ diffId }) => diffId)
  try {
    using _held = store.hold(diffIds)
    request.tracker.enter('downloading')
    await fetchLayers(workshop, request, resolved)
    faultPoint('pull:fetched')
    request.tracker.enter('recording')
    const foldersLayer = await addFoldersLayer(workshop, diffIds)
    const record = { ...recordOf(resolved, request.clock()), ...(foldersLayer === undefined ? {} : { foldersLayer }) }
    store.addImage(record, request.namesOf(resolved.topDigest))
    faultPoint('pull:recorded')
  } catch (error) {
    if (isResumable(error)) store.keep(diffIds)
    store.sweep()
    throw error
  }
}

/** Makes the layer of folders that the image needs on top, if it needs one; answers its name. */
async function addFoldersLayer(workshop: LayerWorkshop, diffIds: readonly string[]): Promise<string | undefined> {
  const { store, folders, sync, layerQueue } = workshop
  const layers = diffIds.map((diffId) => store.layer(diffId)).filter((layer) => layer !== undefined)
  const meant = await findImpliedFolders(
    layers.map((layer) => ({ folder: store.folderOf(layer), implied: new Set(layer.impliedFolders) })),
  )
  if (meant.length === 0) return undefined
  const name = nameOfFolders(meant)
  await layerQueue.run(name, async () => {
    if (store.layer(name)) return
    const number = folders.reserve()
    try {
      makeFolders(folders.staging(number), meant)
      await sync.sync()
      await folders.finish(number)
    } catch (error) {
      folders.discardStaging(number)
      throw error
    }
    store.addLayer({ diffId: name, number, bytes: meant.length * 4096, inodes: meant.length, impliedFolders: [] })
  })
  return name
}

function recordOf(resolved: ResolvedImage, pulledAt: bigint): ImageRecord {
  const { id, artifactType, manifest, manifestDigest, configJson, layers } = resolved
  return {
    id,
    ...(artifactType !== undefined && { artifactType }),
    tags: [],
    digests: [],
    manifestDigest,
    sizeBytes: manifest.layers.reduce((sum, { size }) => sum + size, manifest.config.size),
    diffIds: layers.map(({ diffId }) => diffId),
    annotations: manifest.annotations,
    configJson,
    pulledAt,
    removed: false,
  }
}

/** The first layer that fails ends the others; all have ended when this does. */
async function fetchLayers(workshop: LayerWorkshop, request: ImportRequest, resolved: ResolvedImage): Promise<void> {
  const { source, image, tracker } = request
  const slots = new Slots(request.parallelLayers)
  const stop = new AbortController()
  const signal = AbortSignal.any([request.signal, stop.signal])
  const layers = resolved.layers.map((wanted) => {
    const { digest, size } = wanted.descriptor
    return { ...wanted, tracker: tracker.layer(digest, size) }
  })
  // The largest first: a large one that came last would be unpacked alone, on one CPU.
  layers.sort((one, other) => other.descriptor.size - one.descriptor.size)
  const fetches = layers.map(async (layer) => {
    try {
      await fetchLayer(workshop, { ...layer, source, image, slots, signal })
    } catch (error) {
      stop.abort(error)
      throw error
    }
  })
  const ends = await Promise.allSettled(fetches)
  request.signal.throwIfAborted()
  if (stop.signal.aborted) throw stop.signal.reason
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
