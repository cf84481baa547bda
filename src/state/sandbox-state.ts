/**
 * The life of a sandbox, as a pure reducer.
 *
 *                 run               made
 *     (nothing) ───────► creating ────────► ready ────────────┐ stop, lost
 *                           │                  │              ▼
 *                           │ undone           │ stop      stopping ──► stopped
 *                           ▼                  └───────────────┘  stopped  │ remove
 *                       (nothing)  ◄───────────────────────────────────────┘
 *
 * `unknown` is a sandbox whose record cannot be read: a stop leads out of it, as out of `ready`.
 *
 * CRI shows `ready` as SANDBOX_READY, all else as SANDBOX_NOTREADY; `creating` is not listed: it becomes ready or is undone.
 */
export type SandboxState =
  | { readonly phase: 'creating' }
  | { readonly phase: 'ready' }
  /** Its parts are being taken down, or that failed and is to be repeated. `reason` is for people. */
  | { readonly phase: 'stopping'; readonly reason: string }
  | { readonly phase: 'stopped'; readonly reason: string }
  /** Nobody can tell how it is: its record cannot be read. It can be stopped and removed. */
  | { readonly phase: 'unknown'; readonly reason: string }

export type SandboxEvent =
  | { readonly type: 'made' }
  | { readonly type: 'stop'; readonly reason: string }
  | { readonly type: 'stopped' }

/** The state after `event`. An event that does not fit the state changes nothing: events may come twice after a crash. */
export function nextSandboxState(state: SandboxState, event: SandboxEvent): SandboxState {
  switch (event.type) {
    case 'made':
      return state.phase === 'creating' ? { phase: 'ready' } : state
    case 'stop':
      return state.phase === 'stopping' || state.phase === 'stopped'
        ? state
        : { phase: 'stopping', reason: event.reason }
    case 'stopped':
      return state.phase === 'stopping' ? { phase: 'stopped', reason: state.reason } : state
    default:
      return event satisfies never
  }
}
