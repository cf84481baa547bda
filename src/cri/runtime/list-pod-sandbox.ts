import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  ListPodSandboxResponseSchema,
  type PodSandboxFilter,
  PodSandboxSchema,
  type RuntimeService,
} from '../../gen/cri_pb.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'
import { EncodedList, ItemEncoder } from '../encoded-list.ts'
import type { HandlerOf } from '../handlers.ts'
import { ListMemory } from '../list-memory.ts'
import type { Services } from '../services.ts'
import { matchesLabels } from '../shape/label-selector.ts'
import { listedSandbox, sandboxState } from '../shape/sandbox.ts'

const encoder = new ItemEncoder(PodSandboxSchema)
const memory = new ListMemory<SandboxRecord>()

export const listPodSandbox: HandlerOf<typeof RuntimeService, 'listPodSandbox'> = (services, { filter }) => {
  if (filter && !letsAllThrough(filter)) return encoded(filteredRecords(services, filter))
  const records = services.pods.sandboxes()
  return memory.list(records, () => ({ list: encoded(records), holds: () => true }))
}

function letsAllThrough({ id, state, labelSelector }: PodSandboxFilter): boolean {
  return id === '' && state === undefined && Object.keys(labelSelector).length === 0
}

function encoded(records: readonly SandboxRecord[]): EncodedList {
  const items = records.map((record) => encoder.encode(record, '', () => listedSandbox(record)))
  return new EncodedList(ListPodSandboxResponseSchema.field.items.number, items)
}

/** All parts of the filter must hold. */
export function filteredSandboxes(
  services: Services,
  filter: PodSandboxFilter | undefined,
): MessageInitShape<typeof PodSandboxSchema>[] {
  return filteredRecords(services, filter).map(listedSandbox)
}

function filteredRecords({ pods }: Services, filter: PodSandboxFilter | undefined): SandboxRecord[] {
  return pods
    .sandboxes()
    .filter(
      (record) =>
        record.id.startsWith(filter?.id ?? '') &&
        (filter?.state === undefined || filter.state.state === sandboxState(record)) &&
        matchesLabels(record.config.labels, filter?.labelSelector ?? {}),
    )
}
