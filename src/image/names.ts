import type { ImageRecord } from './image-records.ts'

/** The names under which an image came: at most one tag, and the digest that was asked for or resolved. */
export interface NewNames {
  readonly tags: readonly string[]
  readonly digests: readonly string[]
}

/**
 * The records that change when `image` gets `names`: the image itself, and the images that lose a tag to it. A digest stays
 * with the image that lost the tag; what an image had before, it keeps. Nothing at all may change.
 */
export function assignNames(images: Iterable<ImageRecord>, image: ImageRecord, names: NewNames): ImageRecord[] {
  const changed: ImageRecord[] = []
  let before: ImageRecord | undefined
  for (const other of images) {
    if (other.id === image.id) {
      before = other
      continue
    }
    const tags = other.tags.filter((tag) => !names.tags.includes(tag))
    const digests = other.digests.filter((digest) => !names.digests.includes(digest))
    if (tags.length < other.tags.length || digests.length < other.digests.length)
      changed.push({ ...other, tags, digests })
  }
  const kept = before && !before.removed ? before : undefined
  const tags = union(kept?.tags, names.tags)
  const digests = union(kept?.digests, names.digests)
  // A pull of what is here already changes nothing, and writes nothing.
  const same = kept && tags.length === kept.tags.length && digests.length === kept.digests.length
  return same ? changed : [...changed, { ...image, tags, digests, removed: false }]
}

function union(a: readonly string[] = [], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort()
}
