import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { artifactCannotRun, imageNotHere, layersGone } from './errors.ts'
import type { MountableImage, UsableImage } from './image.ts'
import { parseImageConfig } from './image-config.ts'
import type { ImageRecord } from './image-records.ts'
import type { ImageStore } from './store.ts'

export interface UseOptions {
  readonly store: ImageStore
  readonly log: Logger
  /** Pulls an image by its name, without credentials of its own; shares the work with others who want the same. */
  readonly pull: (name: string) => Promise<unknown>
}

/**
 * The image for a container to run. Throws what {@link mountableImage} throws, and `failed-precondition` for an artifact.
 */
export async function useImage(options: UseOptions, image: string): Promise<UsableImage> {
  const { artifactType } = requireRecorded(options.store, image)
  if (artifactType !== undefined) throw artifactCannotRun(image, artifactType)
  const mountable = await mountableImage(options, image)
  return { ...mountable, config: parseImageConfig(Buffer.from(mountable.stored.configJson)).config }
}

/**
 * The image or artifact for a volume. Layers that somebody has deleted from the disk are fetched again first. Throws
 * `not-found` when the image is not here, or when its layers cannot be had.
 */
export async function mountableImage(options: UseOptions, image: string): Promise<MountableImage> {
  const { store } = options
  const found = requireRecorded(store, image)
  const missing = store.missingLayers(found)
  const record = missing.length === 0 ? found : await fetchAgain(options, found, missing)
  return { id: record.id, layerDirs: store.layerDirs(record), stored: store.present(record) }
}

function requireRecorded(store: ImageStore, image: string): ImageRecord {
  const record = store.findRecorded(image)
  if (!record) throw imageNotHere(image)
  return record
}

async function fetchAgain({ store, log, pull }: UseOptions, record: ImageRecord, missing: readonly string[]) {
  const name = record.digests[0] ?? record.tags[0]
  log.warn({ image: name ?? record.id, missing }, 'layers of an image have gone from the disk; fetching them')
  for (const diffId of missing) store.forgetLayer(diffId)
  if (name === undefined) throw layersGone(record.id, 'it has no name to pull it by')
  await pull(name).catch((error) => {
    throw layersGone(name, messageOf(error), error)
  })
  const again = store.find(record.id)
  if (!again) throw layersGone(name, 'the registry has another image under that name now')
  return again
}
