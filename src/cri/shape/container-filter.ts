import type { ContainerRecord } from '../../state/container-record.ts'
import { matchesLabels } from './label-selector.ts'

/** The parts that the filters of containers and of their stats have in common; an empty part lets everything through. */
export interface ContainerFilterParts {
  readonly id: string
  readonly podSandboxId: string
  readonly labelSelector: Readonly<Record<string, string>>
}

/** Whether all parts of the filter hold for the container. */
export function passesFilter(record: ContainerRecord, filter: ContainerFilterParts | undefined): boolean {
  if (!filter) return true
  return (
    record.id.startsWith(filter.id) &&
    record.sandboxId.startsWith(filter.podSandboxId) &&
    matchesLabels(record.config.labels, filter.labelSelector)
  )
}
