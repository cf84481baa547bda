import { BerthError, errnoOf, operationFailed } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { KeyedQueue } from '../lib/keyed-queue.ts'
import { contentMismatch, isContentMismatch, isResumable, storeFull, unusableImage } from './errors.ts'
import type { GroupSync } from './group-sync.ts'
import type { LayerFolders } from './layer-folders.ts'
import type { Descriptor } from './manifest.ts'
import type { LayerTracker } from './progress.ts'
import type { Slots } from './slots.ts'
import type { ImageSource } from './source.ts'
import type { ImageStore } from './store.ts'
import type { LayerLimits } from './unpack/layer-writer.ts'
import type { UnpackResult } from './unpack/unpack-layer.ts'
import type { UnpackPool } from './unpack/unpack-pool.ts'

/** What fetching a layer works with. */
export interface LayerWorkshop {
  readonly root: string
  readonly store: ImageStore
  readonly folders: LayerFolders
  readonly pool: UnpackPool
  readonly sync: GroupSync
  /** One at a time for each diff-id: whoever comes second finds the layer there. */
  readonly layerQueue: KeyedQueue
  /** One at a time for each blob: its file has one writer. */
  readonly blobQueue: KeyedQueue
  /** Those in force; asked once for a layer. */
  readonly limits: () => LayerLimits
}

export interface LayerRequest {
  readonly source: ImageSource
  readonly descriptor: Descriptor
  readonly diffId: string
  /** It is no tar, but to be kept as a file at this path. */
  readonly path?: string
  /** The full reference, for messages. */
  readonly image: string
  readonly slots: Slots
  readonly tracker: LayerTracker
  readonly signal: AbortSignal
}

/** Sees to it that a layer is here: finished, checked, durable and recorded. Leaves nothing behind when it fails. */
export async function fetchLayer(workshop: LayerWorkshop, request: LayerRequest): Promise<void> {
  const { diffId, descriptor, tracker, signal, slots } = request
  try {
    await workshop.layerQueue.run(diffId, () =>
      workshop.blobQueue.run(descriptor.digest, async () => {
        signal.throwIfAborted()
        if (workshop.store.layer(diffId)) {
          tracker.stage = 'present'
          tracker.downloadedBytes = () => descriptor.size
          tracker.unpackedBytes = () => descriptor.size
          // A berthd that was killed after it had recorded the layer did not come to this.
          await workshop.folders.discardIngest(descriptor.digest)
          return
        }
        await slots.run(() => fetchMissing(workshop, request, 1))
      }),
    )
  } catch (error) {
    tracker.stage = 'failed'
    throw error
  }
}

async function fetchMissing(workshop: LayerWorkshop, request: LayerRequest, attempt: number): Promise<void> {
  const { store, folders, sync } = workshop
  const { source, descriptor, diffId, path, image, tracker } = request
  request.signal.throwIfAborted()
  const limits = workshop.limits()
  if (path !== undefined && descriptor.size > limits.maxBytes) {
    const why = `has ${descriptor.size} bytes, more than the ${limits.maxBytes} that the configuration allows`
    throw unusableImage(image, `its file ${JSON.stringify(path)} ${why}`)
  }
  faultPoint('fetch-layer:begun')
  const number = folders.reserve()
  const blob = source.openLayer(descriptor)
  const stop = new AbortController()
  const signal = AbortSignal.any([request.signal, stop.signal])
  tracker.downloadedBytes = () => blob.file.available
  tracker.unpackedBytes = () => blob.file.consumed
  tracker.stage = 'downloading'
  let resumedFrom = 0
  const filling = blob.fill(signal).then((bytes) => {
    tracker.stage = 'unpacking'
    resumedFrom = bytes
  })
  const abandon = () => blob.file.abandon()
  request.signal.addEventListener('abort', abandon, { once: true })
  const task = {
    blob: blob.file.file,
    target: folders.staging(number),
    blobAlgorithm: descriptor.digest.split(':')[0] as string,
  }
  const tar = {
    expectedBytes: descriptor.size,
    diffAlgorithm: diffId.split(':')[0] as string,
    limits,
    recipe: folders.recipe(number),
  }
  const unpacking = workshop.pool.run(path === undefined ? { ...task, ...tar } : { ...task, path })
  try {
    const result = await both(filling, unpacking, stop, abandon)
    tracker.stage = 'verifying'
    const layer = verified(result, request, workshop.root)
    faultPoint('fetch-layer:unpacked')
    // Before the sync, which would write it to the disk for nobody.
    await blob.discard()
    await sync.sync()
    faultPoint('fetch-layer:synced')
    await folders.finish(number)
    faultPoint('fetch-layer:renamed')
    const { usage, recipeBytes, impliedFolders } = layer
    const inodes = usage.inodes + (recipeBytes > 0 ? 1 : 0)
    store.addLayer({ diffId, number, bytes: usage.bytes + recipeBytes, inodes, impliedFolders })
    faultPoint('fetch-layer:recorded')
    tracker.stage = 'done'
  } catch (error) {
    folders.discardStaging(number)
    // Finished, but without a record it is nobody's.
    if (store.layer(diffId)?.number !== number) folders.discardLayer(number)
    const failure = toBerthError(request.signal.aborted ? request.signal.reason : error, image, workshop.root)
    // What is wrong or too large must not be gone on with; a part that a broken connection has left may be.
    if (!isResumable(failure)) await blob.discard()
    // The part that an earlier process had left may have been damaged, for instance by a power loss.
    if (isContentMismatch(failure) && resumedFrom > 0 && attempt === 1) return fetchMissing(workshop, request, 2)
    throw failure
  } finally {
    request.signal.removeEventListener('abort', abandon)
  }
}

/**
 * Waits for both, download and unpacking. When one fails the other is stopped and waited for, so that nobody writes
 * anywhere any more; the error is that of the first that failed.
 */
async function both(
  filling: Promise<void>,
  unpacking: Promise<UnpackResult>,
  stop: AbortController,
  abandon: () => void,
): Promise<UnpackResult> {
  let filled = false
  const fillingDone = filling.then(() => {
    filled = true
  })
  // The worker gives up early only when going on is of no use (a full disk).
  const unpackingDone = unpacking.then((result) => {
    if (!filled) stop.abort(new StoppedError(result))
    return result
  })
  try {
    const [, result] = await Promise.all([fillingDone, unpackingDone])
    return result
  } catch (error) {
    stop.abort(error)
    abandon()
    await Promise.allSettled([fillingDone, unpackingDone])
    if (error instanceof StoppedError) return error.result
    throw error
  }
}

/** The download was stopped because the unpacking had ended before it. */
class StoppedError extends Error {
  readonly result: UnpackResult

  constructor(result: UnpackResult) {
    super('the layer could not be unpacked')
    this.result = result
  }
}

function verified(result: UnpackResult, { descriptor, diffId, path, image }: LayerRequest, root: string) {
  const { failure, unpacked, blobDigest } = result
  if (failure?.code === 'ENOSPC' || failure?.code === 'EDQUOT') throw storeFull(image, root, new Error(failure.message))
  if (blobDigest !== descriptor.digest) {
    throw contentMismatch(image, `layer ${descriptor.digest}`, descriptor.digest, blobDigest)
  }
  if (!unpacked) throw unusableImage(image, `layer ${descriptor.digest} cannot be unpacked: ${failure?.message}`)
  if (path === undefined && unpacked.diffId !== diffId) {
    throw contentMismatch(image, `the unpacked layer ${descriptor.digest}`, diffId, unpacked.diffId)
  }
  return unpacked
}

function toBerthError(error: unknown, image: string, root: string): BerthError {
  if (error instanceof BerthError) return error
  const code = errnoOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return storeFull(image, root, error)
  return operationFailed(
    `failed to pull image "${image}": ${error instanceof Error ? error.message : String(error)}`,
    error,
  )
}
