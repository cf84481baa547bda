import { existsSync } from 'node:fs'
import { failedPrecondition } from '../../lib/errors.ts'
import { imageNotHere } from '../errors.ts'
import type { ImageRecord } from '../image-records.ts'
import type { LayerFolders } from '../layer-folders.ts'
import { formatReference, parseReference } from '../reference.ts'
import type { ImageStore } from '../store.ts'
import type { ArchiveFormat, SavePlan } from './archive.ts'
import type { SavedLayer } from './layer-tar.ts'
import { savedArchive } from './save-thread.ts'

/**
 * The archive of an image in pieces, under the tag that it is asked for by, else under all that it has. Its layers stay until
 * the end, also when the image is removed meanwhile. What can be seen at the start to be wrong is thrown at once.
 */
export function saveImage(
  { store, folders }: { readonly store: ImageStore; readonly folders: LayerFolders },
  image: string,
  format: ArchiveFormat,
): AsyncGenerator<Uint8Array> {
  const record = store.find(image)
  if (!record) throw imageNotHere(image)
  const { configJson, annotations, diffIds, artifactType } = record
  if (artifactType !== undefined) {
    throw failedPrecondition(`"${image}" is an artifact: Berth saves images only; copy it from its registry`)
  }
  if (format === 'docker-archive' && diffIds.some((diffId) => !diffId.startsWith('sha256:'))) {
    throw failedPrecondition(`a docker-archive has sha256 digests only, "${image}" has others; save it as oci-archive`)
  }
  const layers = diffIds.map((diffId) => savedLayer(store, folders, diffId))
  return holding(store, diffIds, { format, tags: tagsFor(record, image), configJson, annotations, layers })
}

async function* holding(store: ImageStore, diffIds: readonly string[], plan: SavePlan): AsyncGenerator<Uint8Array> {
  using _held = store.hold(diffIds)
  yield* savedArchive(plan)
}

function savedLayer(store: ImageStore, folders: LayerFolders, diffId: string): SavedLayer {
  const layer = store.layer(diffId)
  const recipe = layer && folders.recipe(layer.number)
  if (!layer || recipe === undefined || !existsSync(recipe)) {
    throw failedPrecondition(
      `how to make layer ${diffId} again was not noted (an older Berth unpacked it, or it is too large for that); remove the image and pull it again`,
    )
  }
  return { diffId, folder: store.folderOf(layer), recipe }
}

function tagsFor({ tags }: ImageRecord, image: string): readonly string[] {
  try {
    const asked = formatReference(parseReference(image))
    return tags.includes(asked) ? [asked] : tags
  } catch {
    // An id.
    return tags
  }
}
