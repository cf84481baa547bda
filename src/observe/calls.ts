import { BerthError, type ErrorCode, messageOf } from '../lib/errors.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { stageOfFailure } from '../state/operations.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'

/** A call of the API that changes something, and what it is about. */
export interface Call {
  /** `RunPodSandbox` */
  readonly rpc: string
  readonly pod?: PodName
  readonly sandboxId?: string
  /** The container's name, and its id where it had one. */
  readonly container?: string
  readonly containerId?: string
  readonly image?: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

/** A call that failed, and has not succeeded since: what `berth why` tells of. */
export interface Failure extends Omit<Call, 'startedAt'> {
  readonly code: ErrorCode
  readonly message: string
  /** What was being done when it failed, of an operation that has stages. */
  readonly stage?: string
  /** Milliseconds since the epoch. */
  readonly firstAt: number
  readonly lastAt: number
  /** How many times it failed, one after the other. */
  readonly count: number
}

export interface PodName {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

type Subject = Pick<Call, 'pod' | 'sandboxId' | 'container' | 'containerId' | 'image'>

/** What requests say about their subject; which of it a request has depends on the call. */
interface Request {
  readonly podSandboxId?: string
  readonly containerId?: string
  readonly config?: { readonly metadata?: Partial<PodName>; readonly image?: { readonly image: string } }
  readonly sandboxConfig?: { readonly metadata?: Partial<PodName> }
  readonly image?: { readonly image: string }
}

interface Records<T> {
  get(id: string): T | undefined
}

/** How many failures are kept, and how much of a message, in characters. */
const kept = 200
const keptOfMessage = 4000

/** The calls that change something: those under way, and those that failed last. In memory: it ends with berthd. */
export class Calls {
  readonly #sandboxes: Records<SandboxRecord>
  readonly #containers: Records<ContainerRecord>
  readonly #now: () => number
  readonly #underWay = new Set<Call>()
  /** The one that failed last is the last. */
  readonly #failures = new Map<string, Failure>()

  constructor(
    records: { readonly sandboxes: Records<SandboxRecord>; readonly containers: Records<ContainerRecord> },
    now: () => number = Date.now,
  ) {
    this.#sandboxes = records.sandboxes
    this.#containers = records.containers
    this.#now = now
  }

  /** A call begins; {@link succeeded} or {@link failed} is to be told of its end. */
  begin(rpc: string, request: object): Call {
    const call = { rpc, ...this.#subjectOf(request), startedAt: this.#now() }
    this.#underWay.add(call)
    return call
  }

  failed(call: Call, error: unknown): void {
    this.#underWay.delete(call)
    const { startedAt: _, ...subject } = call
    const key = keyOf(call)
    const before = this.#failures.get(key)
    const at = this.#now()
    const stage = stageOfFailure(error)
    this.#failures.delete(key)
    this.#failures.set(key, {
      ...subject,
      code: error instanceof BerthError ? error.code : 'internal',
      message: messageOf(error).slice(0, keptOfMessage),
      ...(stage !== undefined && { stage }),
      firstAt: before?.firstAt ?? at,
      lastAt: at,
      count: (before?.count ?? 0) + 1,
    })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > kept && oldest !== undefined) this.#failures.delete(oldest)
  }

  /** Earlier failures of the same are no longer of interest. */
  succeeded(call: Call): void {
    this.#underWay.delete(call)
    if (this.#failures.size === 0) return
    this.#failures.delete(keyOf(call))
    for (const [key, failure] of this.#failures) if (isOver(failure, call)) this.#failures.delete(key)
  }

  /** Oldest first. */
  underWay(): readonly Call[] {
    return [...this.#underWay]
  }

  /** The one that failed last is the first. */
  failures(): readonly Failure[] {
    return [...this.#failures.values()].toReversed()
  }

  #subjectOf(message: object): Subject {
    const { podSandboxId, containerId, config, sandboxConfig, image } = message as Request
    const container = containerId ? this.#containers.get(containerId) : undefined
    const sandboxId = podSandboxId || container?.sandboxId
    // The configuration of RunPodSandbox is that of a pod, that of CreateContainer has a sandbox beside it.
    const ofContainer = podSandboxId ? config : container?.config
    const ofPod =
      (sandboxId ? this.#sandboxes.get(sandboxId)?.config : undefined) ?? sandboxConfig ?? (sandboxId ? {} : config)
    const pod = podName(ofPod?.metadata)
    const containerName = ofContainer?.metadata?.name
    const imageName = image?.image || ofContainer?.image?.image
    return {
      ...(pod && { pod }),
      ...(sandboxId && { sandboxId }),
      ...(containerName && { container: containerName }),
      ...(containerId && { containerId }),
      ...(imageName && { image: imageName }),
    }
  }
}

/** Whether nobody is interested in a failure any more, now that this call has succeeded. */
function isOver(failure: Failure, { rpc, pod, image, sandboxId, containerId }: Call): boolean {
  switch (rpc) {
    // The image is there for whoever asked for it.
    case 'PullImage':
      return failure.rpc === rpc && failure.image === image
    // A pod of this name is there now, and the one that had it before is not wanted any more.
    case 'RunPodSandbox':
      return hasName(failure, pod) && failure.pod?.uid !== pod?.uid
    // That a sandbox of the pod cannot be made is told of the next one, as this one was made.
    case 'RemovePodSandbox':
      if (sandboxId !== undefined && failure.sandboxId === sandboxId) return true
      return hasName(failure, pod) && failure.pod?.uid === pod?.uid && failure.rpc === 'PullImage'
    // Whoever cannot start a container removes it and makes another: why is told until one starts, or its pod is removed.
    case 'RemoveContainer':
      if (failure.rpc === 'StartContainer' && failure.pod && failure.sandboxId) return false
      return containerId !== undefined && failure.containerId === containerId
    default:
      return false
  }
}

function hasName({ pod }: Failure, other: PodName | undefined): boolean {
  return pod !== undefined && pod.name === other?.name && pod.namespace === other.namespace
}

function podName(metadata: Partial<PodName> | undefined): PodName | undefined {
  const { namespace = '', name = '', uid = '' } = metadata ?? {}
  return name === '' ? undefined : { namespace, name, uid }
}

/** Repetitions have one key, also when it is another attempt of the pod or of the container. */
function keyOf({ rpc, pod, sandboxId, container, containerId, image }: Omit<Call, 'startedAt'>): string {
  const where = pod ? `${pod.namespace}/${pod.name}/${pod.uid}` : (sandboxId ?? '')
  return JSON.stringify([rpc, where, container ?? containerId ?? '', rpc === 'PullImage' ? image : ''])
}
