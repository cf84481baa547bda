import {
  type Container,
  ContainerState,
  type ContainerStatus,
  CriError,
  type PodSandbox,
  PodSandboxState,
} from '../client/index.ts'
import { type Access } from './access.ts'

export interface ObservedSandbox {
  readonly id: string
  readonly ready: boolean
  readonly attempt: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface ObservedContainer {
  readonly id: string
  readonly sandboxId: string
  readonly name: string
  readonly attempt: number
  readonly state: 'created' | 'running' | 'exited'
  /** Milliseconds since the epoch; 0 for what has not happened. */
  readonly createdAt: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly exitCode: number
  readonly reason: string
  readonly message: string
  readonly logPath: string
  readonly annotations: Readonly<Record<string, string>>
}

/** A pod as the runtime has it: its sandboxes and containers, each the newest first. */
export interface ObservedPod {
  readonly sandboxes: readonly ObservedSandbox[]
  readonly containers: readonly ObservedContainer[]
}

/** Looks at pods; remembers what does not change any more, so that a look costs few calls. */
export class Observer {
  readonly #access: Access
  readonly #known = new Map<string, ObservedContainer>()

  constructor(access: Access) {
    this.#access = access
  }

  /** What has all these labels, which are on the sandboxes and on the containers. */
  async observe(labels: Readonly<Record<string, string>>): Promise<ObservedPod> {
    const { cri, ask } = this.#access
    const { items } = await cri.runtime.listPodSandbox({ filter: { labelSelector: labels } }, ask)
    const sandboxes = items.map(sandboxOf).toSorted((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt)
    const answer = await cri.runtime.listContainers({ filter: { labelSelector: labels } }, ask)
    const containers: ObservedContainer[] = []
    for (const container of answer.containers) {
      const observed = await this.#containerOf(container)
      if (observed) containers.push(observed)
    }
    this.#forget(new Set(containers.map(keyOf)))
    return {
      sandboxes,
      containers: containers.toSorted((a, b) => b.createdAt - a.createdAt || b.attempt - a.attempt),
    }
  }

  async #containerOf(container: Container): Promise<ObservedContainer | undefined> {
    const known = this.#known.get(`${container.id} ${stateOf(container.state)}`)
    if (known) return known
    const { cri, ask } = this.#access
    const { status } = await cri.runtime.containerStatus({ containerId: container.id }, ask).catch(nothingIfGone)
    if (!status) return undefined
    const observed = describe(container, status)
    this.#known.set(keyOf(observed), observed)
    return observed
  }

  #forget(present: ReadonlySet<string>): void {
    for (const key of this.#known.keys()) if (!present.has(key)) this.#known.delete(key)
  }
}

/** What was removed since it was listed is not there. */
function nothingIfGone(error: unknown): { readonly status?: undefined } {
  if (error instanceof CriError && error.codeName === 'NOT_FOUND') return {}
  throw error
}

const keyOf = ({ id, state }: ObservedContainer) => `${id} ${state}`

export const milliseconds = (nanoseconds: bigint) => Number(nanoseconds / 1_000_000n)

function sandboxOf({ id, state, metadata, createdAt, labels, annotations }: PodSandbox): ObservedSandbox {
  return {
    id,
    ready: state === PodSandboxState.SANDBOX_READY,
    attempt: metadata?.attempt ?? 0,
    createdAt: milliseconds(createdAt),
    uid: metadata?.uid ?? '',
    labels,
    annotations,
  }
}

/** A container of which the runtime knows nothing any more counts as ended. */
function stateOf(state: ContainerState): ObservedContainer['state'] {
  if (state === ContainerState.CONTAINER_CREATED) return 'created'
  return state === ContainerState.CONTAINER_RUNNING ? 'running' : 'exited'
}

function describe(
  { id, podSandboxId, metadata, createdAt, annotations }: Container,
  status: ContainerStatus,
): ObservedContainer {
  const known = status.state !== ContainerState.CONTAINER_UNKNOWN
  return {
    id,
    sandboxId: podSandboxId,
    name: metadata?.name ?? '',
    attempt: metadata?.attempt ?? 0,
    state: stateOf(status.state),
    createdAt: milliseconds(createdAt),
    startedAt: milliseconds(status.startedAt),
    finishedAt: milliseconds(status.finishedAt),
    exitCode: known || status.exitCode !== 0 ? status.exitCode : 255,
    reason: status.reason,
    message: status.message,
    logPath: status.logPath,
    annotations,
  }
}
