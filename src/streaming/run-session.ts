import { type BerthError, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { PortForwardSession, RemoteCommandSession, StreamCommands, StreamRequest } from './session.ts'

/** One client's connection, whichever transport it is. */
export interface StreamingConnection {
  readonly gone: AbortSignal
  /** Resolves when the transport is closed. */
  readonly closed: Promise<void>
  /** Says goodbye in the transport's way, and closes. Never rejects. */
  close(): Promise<void>
  destroy(): void
}

export type RemoteCommandRequest = Exclude<StreamRequest, { type: 'port-forward' }>
export type PortForwardRequest = Extract<StreamRequest, { type: 'port-forward' }>

/** Runs exec or attach on a session, to its end. Never rejects. */
export async function runRemoteCommand(
  commands: StreamCommands,
  request: RemoteCommandRequest,
  session: RemoteCommandSession | Promise<RemoteCommandSession>,
  log: Logger,
): Promise<void> {
  let opened: RemoteCommandSession
  try {
    opened = await session
  } catch (error) {
    const level = (error as BerthError).code === 'cancelled' ? 'debug' : 'warn'
    log[level]({ error: messageOf(error) }, 'a streaming session did not come about')
    return
  }
  try {
    await (request.type === 'exec' ? commands.exec(request, opened) : commands.attach(request, opened))
  } catch (error) {
    log.error({ error: messageOf(error) }, `${request.type} failed`)
    await opened.finish({ type: 'failed', message: messageOf(error) })
  }
}

/** Runs port-forward on a session, to its end. Never rejects. */
export async function runPortForward(
  commands: StreamCommands,
  request: PortForwardRequest,
  session: PortForwardSession,
  log: Logger,
): Promise<void> {
  try {
    await commands.portForward(request, session)
  } catch (error) {
    log.error({ error: messageOf(error) }, 'port-forward failed')
  }
}
