import type { ContainerRecord } from '../state/container-record.ts'
import { type ContainerEvent, nextContainerState } from '../state/container-state.ts'
import type { PodParts } from './parts.ts'

/**
 * Applies an event to the container's record and wakes whoever waits for its end. The start is an intent, written before
 * anything is done; all else is a fact, which shows even if it cannot be written yet.
 */
export function recordEvent(parts: PodParts, id: string, event: ContainerEvent): ContainerRecord | undefined {
  const change = (record: ContainerRecord): ContainerRecord => {
    const state = nextContainerState(record.state, event)
    return state === record.state ? record : { ...record, state }
  }
  const before = parts.containers.get(id)?.state.phase
  const after = event.type === 'start' ? parts.containers.update(id, change) : parts.containers.note(id, change)
  if (after?.state.phase === 'exited') {
    parts.pipes.release(id)
    parts.exits.settle(id)
    if (before !== 'exited') parts.nri.containerEnded(after)
  }
  return after
}
