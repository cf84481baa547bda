import { ContainerState, PodSandboxState } from '../../client/index.ts'
import { invalidArgument } from '../../lib/errors.ts'

const podStates = { ready: PodSandboxState.SANDBOX_READY, notready: PodSandboxState.SANDBOX_NOTREADY } as const

const containerStates = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
  unknown: ContainerState.CONTAINER_UNKNOWN,
} as const

export const describePodState = (state: PodSandboxState) =>
  state === PodSandboxState.SANDBOX_READY ? 'Ready' : 'NotReady'

export function describeContainerState(state: ContainerState): string {
  const name = Object.entries(containerStates).find(([, value]) => value === state)?.[0] ?? 'unknown'
  return name.charAt(0).toUpperCase() + name.slice(1)
}

/** The pod state that a user writes, in any case: `Ready`, `NotReady`. */
export const parsePodState = (text: string) => parseState(text, podStates)

/** The container state that a user writes, in any case: `Created`, `Running`, `Exited`, `Unknown`. */
export const parseContainerState = (text: string) => parseState(text, containerStates)

function parseState<State>(text: string, states: Readonly<Record<string, State>>): State {
  const state = states[text.toLowerCase()]
  if (state === undefined) {
    throw invalidArgument(`"${text}" is not a state; the states are ${Object.keys(states).join(', ')}`)
  }
  return state
}
