import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type ContainerFilter,
  ContainerSchema,
  ListContainersResponseSchema,
  type RuntimeService,
} from '../../gen/cri_pb.ts'
import type { StoredImage } from '../../image/image.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import { EncodedList, ItemEncoder } from '../encoded-list.ts'
import type { HandlerOf } from '../handlers.ts'
import { ListMemory } from '../list-memory.ts'
import type { Services } from '../services.ts'
import { passesFilter } from '../shape/container-filter.ts'
import { containerState, imageRef, listedContainer } from '../shape/container.ts'

const encoder = new ItemEncoder(ContainerSchema)
const memory = new ListMemory<ContainerRecord>()

export const listContainers: HandlerOf<typeof RuntimeService, 'listContainers'> = (services, { filter }) => {
  if (filter && !letsAllThrough(filter)) return encoded(filteredRecords(services, filter))
  return memory.list(services.pods.containers(), () => {
    const all = [...filteredRecords(services, undefined)]
    const images = new Map(all.map(({ record, image }) => [record.imageId, image]))
    return {
      list: encoded(all),
      holds: () => [...images].every(([id, image]) => services.images.status(id) === image),
    }
  })
}

function letsAllThrough({ id, podSandboxId, labelSelector, state }: ContainerFilter): boolean {
  return id === '' && podSandboxId === '' && state === undefined && Object.keys(labelSelector).length === 0
}

function encoded(found: Iterable<Found>): EncodedList {
  const items = Array.from(found, ({ record, image }) =>
    encoder.encode(record, imageRef(record, image), () => listedContainer(record, image)),
  )
  return new EncodedList(ListContainersResponseSchema.field.containers.number, items)
}

/** All parts of the filter must hold. */
export function filteredContainers(
  services: Services,
  filter: ContainerFilter | undefined,
): MessageInitShape<typeof ContainerSchema>[] {
  return Array.from(filteredRecords(services, filter), ({ record, image }) => listedContainer(record, image))
}

interface Found {
  readonly record: ContainerRecord
  /** Undefined when it was removed since. */
  readonly image: StoredImage | undefined
}

function* filteredRecords({ pods, images }: Services, filter: ContainerFilter | undefined): Generator<Found> {
  const known = new Map<string, StoredImage | undefined>()
  for (const record of pods.containers()) {
    if (!passesFilter(record, filter)) continue
    if (filter?.state !== undefined && filter.state.state !== containerState(record)) continue
    if (!known.has(record.imageId)) known.set(record.imageId, images.status(record.imageId))
    yield { record, image: known.get(record.imageId) }
  }
}
