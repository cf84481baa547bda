import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'

/** Something that happened to a sandbox or a container, with the pod as it was just then. */
export interface PodEvent {
  readonly type: PodEventType
  /** Of the container, or of the sandbox. */
  readonly id: string
  /** Nanoseconds since the epoch, strictly increasing. */
  readonly at: bigint
  readonly sandbox: SandboxRecord
  /** All containers of the pod, oldest first. */
  readonly containers: readonly ContainerRecord[]
}

export type PodEventType = 'created' | 'started' | 'stopped' | 'deleted'

/** What a change of a container's record means to those who watch. */
export function containerEvents(
  before: ContainerRecord | undefined,
  after: ContainerRecord | undefined,
): PodEventType[] {
  const was = before?.state.phase ?? 'creating'
  if (!after) return was === 'creating' ? [] : ['deleted']
  const is = after.state.phase
  if (was === is) return []
  switch (is) {
    case 'created':
      return ['created']
    case 'running':
      return ['started']
    case 'exited':
      // The news of a quick end can be here before the news of its start.
      return was === 'starting' && after.state.startedAt > 0n ? ['started', 'stopped'] : ['stopped']
    default:
      return []
  }
}

/** The same for a sandbox. It has stopped, to those who watch, when it is no longer ready. */
export function sandboxEvents(before: SandboxRecord | undefined, after: SandboxRecord | undefined): PodEventType[] {
  const was = before?.state.phase ?? 'creating'
  if (!after) return was === 'creating' ? [] : ['deleted']
  const is = after.state.phase
  if (was === is) return []
  if (is === 'ready') return ['created', 'started']
  return was === 'ready' ? ['stopped'] : []
}
