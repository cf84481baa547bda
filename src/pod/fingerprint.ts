import { createHash } from 'node:crypto'
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'

/**
 * A digest of a request: two requests with the same one ask for the same thing. The order of map entries (labels) is that in
 * which they came; a client that repeats its request sends the same bytes.
 */
export function fingerprint<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>, more = ''): string {
  return createHash('sha256').update(toBinary(schema, message)).update(more).digest('hex')
}
