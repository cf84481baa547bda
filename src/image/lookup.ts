import { invalidArgument } from '../lib/errors.ts'
import type { ImageRecord } from './image-records.ts'
import { formatReference, isDigest, parseReference } from './reference.ts'

/**
 * The image that a text stands for, looked up as containerd does: an id (`sha256:…`), a reference, the 64 digits of an id,
 * or the start of them when only one id has it. Throws `invalid-argument` when several have.
 */
export function findImage(images: readonly ImageRecord[], text: string): ImageRecord | undefined {
  if (isDigest(text)) return images.find(({ id }) => id === text)
  const name = fullName(text)
  const named = name && images.find(({ tags, digests }) => tags.includes(name) || digests.includes(name))
  if (named) return named
  const digits = text.startsWith('sha256:') ? text.slice('sha256:'.length) : text
  if (!/^[a-f0-9]{4,64}$/.test(digits)) return undefined
  const found = images.filter(({ id }) => id.slice(id.indexOf(':') + 1).startsWith(digits))
  if (found.length > 1)
    throw invalidArgument(`${found.length} images have an id that starts with "${digits}"; give more of it`)
  return found[0]
}

function fullName(text: string): string | undefined {
  try {
    return formatReference(parseReference(text))
  } catch {
    return undefined
  }
}
