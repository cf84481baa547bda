import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf'

/** In bytes: far from the 16 MiB that a message may have, and long enough that the messages themselves cost nothing. */
const pageBytes = 1024 * 1024

/** The items in their order, in pages of about `bytes` each; no page without an item. */
export function* pages<Schema extends DescMessage>(
  schema: Schema,
  items: Iterable<MessageInitShape<Schema>>,
  bytes = pageBytes,
): Generator<MessageShape<Schema>[]> {
  let page: MessageShape<Schema>[] = []
  let length = 0
  for (const item of items) {
    const message = create(schema, item)
    const size = toBinary(schema, message).length
    if (page.length > 0 && length + size > bytes) {
      yield page
      page = []
      length = 0
    }
    page.push(message)
    length += size
  }
  if (page.length > 0) yield page
}
