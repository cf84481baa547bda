/**
 * The life of a container, as a pure reducer.
 *
 *                 create              made            start              started
 *     (nothing) ──────────► creating ──────► created ───────► starting ───────────► running
 *                              │                │                │                     │  │
 *                              │ undone         │                │ start-failed        │  │ lost
 *                              ▼                │ remove         ▼        exited       │  ▼
 *                          (nothing) ◄──────────┴──────────── exited ◄────────────────┘ unknown
 *                                                                ▲                        │ exited
 *                                                                └────────────────────────┘
 *
 * `unknown` becomes `running` again when its shim knows of it (`started`).
 *
 * CRI shows `creating` not at all, `created` and `starting` as CONTAINER_CREATED, the others by their own names. All times are
 * nanoseconds since the epoch.
 */
export type ContainerState =
  | { readonly phase: 'creating' }
  | { readonly phase: 'created' }
  | { readonly phase: 'starting' }
  | { readonly phase: 'running'; readonly pid: number; readonly startedAt: bigint }
  | ExitedState
  /** Nobody can tell whether it runs. It can be stopped and removed. */
  | { readonly phase: 'unknown'; readonly pid: number; readonly startedAt: bigint; readonly message: string }

export interface ExitedState {
  readonly phase: 'exited'
  /** 0n when it never started. */
  readonly startedAt: bigint
  readonly finishedAt: bigint
  /** 128 + n for signal n; 128 when it could not be started; 255 when the code is lost. */
  readonly exitCode: number
  readonly reason: ExitReason
  /** For people; empty when the code says it all. */
  readonly message: string
}

/** The words that the kubelet knows (kubelet-contract F4). */
export type ExitReason = 'Completed' | 'Error' | 'OOMKilled' | 'StartError' | 'Unknown'

export type ContainerEvent =
  | { readonly type: 'made' }
  | { readonly type: 'start' }
  | { readonly type: 'started'; readonly pid: number; readonly at: bigint }
  | { readonly type: 'start-failed'; readonly at: bigint; readonly message: string }
  | {
      readonly type: 'exited'
      readonly at: bigint
      /** For the case that the news of the start has not come yet. */
      readonly startedAt?: bigint | undefined
      readonly exitCode: number
      readonly signal: number
      readonly oomKilled: boolean
    }
  /** It is gone and took its exit code along. */
  | { readonly type: 'exit-lost'; readonly at: bigint; readonly message: string }
  | { readonly type: 'lost'; readonly message: string }

/** The state after `event`. An event that does not fit the state changes nothing: events may come twice after a crash. */
export function nextContainerState(state: ContainerState, event: ContainerEvent): ContainerState {
  switch (event.type) {
    case 'made':
      return state.phase === 'creating' ? { phase: 'created' } : state
    case 'start':
      return state.phase === 'created' ? { phase: 'starting' } : state
    case 'started':
      return state.phase === 'starting' || state.phase === 'unknown'
        ? { phase: 'running', pid: event.pid, startedAt: event.at }
        : state
    case 'start-failed':
      return state.phase === 'starting' || state.phase === 'created' ? startFailed(event.at, event.message) : state
    case 'exited':
      return hasProcess(state) ? exited(startOf(state), event) : state
    case 'exit-lost':
      return hasProcess(state) ? exitLost(startOf(state), event.at, event.message) : state
    case 'lost':
      return state.phase === 'running'
        ? { phase: 'unknown', pid: state.pid, startedAt: state.startedAt, message: event.message }
        : state
    default:
      return event satisfies never
  }
}

type WithProcess = Extract<ContainerState, { phase: 'starting' | 'running' | 'unknown' }>

function hasProcess(state: ContainerState): state is WithProcess {
  return state.phase === 'running' || state.phase === 'unknown' || state.phase === 'starting'
}

function startOf(state: WithProcess): bigint | undefined {
  return state.phase === 'starting' ? undefined : state.startedAt
}

function startFailed(at: bigint, message: string): ExitedState {
  return { phase: 'exited', startedAt: 0n, finishedAt: at, exitCode: 128, reason: 'StartError', message }
}

function exited(startedAt: bigint | undefined, event: Extract<ContainerEvent, { type: 'exited' }>): ExitedState {
  // OOMKilled makes the kubelet see a failure whatever the code: only for a container that the kernel did kill.
  const killed = event.signal === 9 || event.exitCode === 137
  const reason = event.oomKilled && killed ? 'OOMKilled' : event.exitCode === 0 ? 'Completed' : 'Error'
  const start = startedAt ?? event.startedAt ?? event.at
  return {
    phase: 'exited',
    startedAt: start,
    finishedAt: atLeast(event.at, start),
    exitCode: event.exitCode,
    reason,
    message: '',
  }
}

function exitLost(startedAt: bigint | undefined, at: bigint, message: string): ExitedState {
  const finishedAt = atLeast(at, startedAt)
  return { phase: 'exited', startedAt: startedAt ?? at, finishedAt, exitCode: 255, reason: 'Unknown', message }
}

/** The clock may have been set back in between; the kubelet wants finishedAt ≥ startedAt. */
function atLeast(at: bigint, floor: bigint | undefined): bigint {
  return floor !== undefined && floor > at ? floor : at
}
