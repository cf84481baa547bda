import type { Pods } from '../../pod/pods.ts'
import type { StreamCommands } from '../session.ts'
import { runAttach } from './attach.ts'
import { runExec } from './exec.ts'
import { runPortForward } from './port-forward.ts'

/** What the transports call: the commands, on the pods of this node. */
export function streamCommands(pods: Pick<Pods, 'exec' | 'attach' | 'connectToPort'>): StreamCommands {
  return {
    exec: (request, session) => runExec(pods, request, session),
    attach: (request, session) => runAttach(pods, request, session),
    portForward: (request, session) => runPortForward(pods, request, session),
  }
}
