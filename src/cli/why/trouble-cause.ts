import type { Trouble } from '../../agent/trouble.ts'
import type { Cause } from './explanation.ts'
import { failureCause } from './failure-cause.ts'

/** What a trouble that the agent knows of means. */
export function troubleCause({ of, kills, message }: Trouble): Cause {
  switch (of) {
    case 'pod':
      return failureCause({ rpc: 'the work of the agent', message })
    case 'image':
      return failureCause({ rpc: 'PullImage', message })
    case 'start':
      return failureCause({ rpc: 'StartContainer', message })
    case 'startup':
    case 'readiness':
    case 'liveness':
      return probeCause(of, kills === true, message)
    default:
      return of satisfies never
  }
}

function probeCause(of: 'startup' | 'readiness' | 'liveness', kills: boolean, message: string): Cause {
  const layer = 'application'
  if (message === '') {
    const next = 'wait; initialDelaySeconds and periodSeconds say how long it may take'
    return { layer, what: `it is not ready: its ${of} probe has not succeeded yet`, next }
  }
  return kills
    ? {
        layer,
        what: `its ${of} probe failed so often that it is stopped, to be started again`,
        said: message,
        next: 'see in its log why it does not answer; a slow one needs a higher timeoutSeconds or failureThreshold',
      }
    : {
        layer,
        what: `it is not ready: its ${of} probe fails`,
        said: message,
        next: 'see in its log what it lacks; check path, port or command of the probe',
      }
}

/** Those that tell something that the others do not: what the runtime said to the agent, it told itself, too. */
export function withTroubleCauses(causes: readonly Cause[], troubles: readonly Trouble[]): Cause[] {
  const isNew = ({ message }: Trouble) =>
    message === '' || !causes.some(({ said }) => said && (message.includes(said) || said.includes(message)))
  return [...causes, ...troubles.filter(isNew).map(troubleCause)]
}
