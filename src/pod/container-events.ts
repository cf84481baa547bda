import type { ContainerRecord } from '../state/container-record.ts'
import { type ContainerEvent, nextContainerState } from '../state/container-state.ts'
import type { PodParts } from './parts.ts'

/** Applies an event to the container's record, durably, and wakes whoever waits for its end. */
export function recordEvent(parts: PodParts, id: string, event: ContainerEvent): ContainerRecord | undefined {
  const after = parts.containers.update(id, (record) => {
    const state = nextContainerState(record.state, event)
    return state === record.state ? record : { ...record, state }
  })
  if (after?.state.phase === 'exited') {
    parts.pipes.release(id)
    parts.exits.settle(id)
  }
  return after
}
