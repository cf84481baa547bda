import type { Logger } from '../lib/log.ts'
import type { StreamCommands } from './session.ts'
import type { TransportLimits } from '../mux/transport-limits.ts'

/** What serving a session takes, whichever transport it comes by. */
export interface ServeOptions {
  readonly commands: StreamCommands
  readonly log: Logger
  readonly limits: TransportLimits
  /** How long a client may take to open the streams that it asked for, in milliseconds. */
  readonly streamsTimeoutMs: number
}
