import { createHash } from 'node:crypto'
import { type DescMessage, type JsonValue, type MessageShape, toJson } from '@bufbuild/protobuf'

/**
 * A digest of a request: two requests with the same one ask for the same thing. Not of its bytes: a Go client writes the
 * entries of a map (labels, annotations) in another order each time.
 */
export function fingerprint<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>, more = ''): string {
  return createHash('sha256')
    .update(canonical(toJson(schema, message)))
    .update(more)
    .digest('hex')
}

/** JSON with the keys of every object in order. */
function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item as JsonValue)}`).join(',')}}`
}
