import type { Readable, Writable } from 'node:stream'

/**
 * What lies between transport and command: a session as the command logic (exec, attach, port-forward) sees it, whichever
 * of SPDY/3.1 and WebSocket carries it. Transports make these; commands use them; neither knows the other.
 *
 * All streams keep to Node's backpressure: who writes waits for `drain`, who reads may pause, and what a client does not
 * take is never gathered in memory.
 */
export interface RemoteCommandSession {
  /** What the client sends; ends when the client closes its half. Absent when the request has no stdin. */
  readonly stdin?: Readable
  /** Ended by the command side when there is no more. Absent when not asked for. */
  readonly stdout?: Writable
  readonly stderr?: Writable
  /** Terminal sizes as they come, in characters; ends with the session. Only with a tty. */
  readonly resizes?: AsyncIterable<TerminalSize>
  /** Aborts when the client has gone; after that nothing can be sent. */
  readonly gone: AbortSignal
  /**
   * The last word: sends the outcome on the error stream, in the form that the client's protocol version has (the v4 status
   * JSON; plain text for v1 to v3; nothing for success before v4), waits until all was sent, and closes.
   */
  finish(outcome: CommandOutcome): Promise<void>
}

export interface TerminalSize {
  readonly width: number
  readonly height: number
}

/** How a remote command ended. */
export type CommandOutcome =
  | { readonly type: 'exited'; readonly exitCode: number }
  /** It could not be run, or broke: for the user to read. */
  | { readonly type: 'failed'; readonly message: string }

/** One connection to forward: a client opened a pair of streams for a port. */
export interface ForwardedConnection {
  /** 1 to 65535. */
  readonly port: number
  /** What the client sends to the port; ends when it closes its half. */
  readonly input: Readable
  /** What goes back; ended by the command side. */
  readonly output: Writable
  /** Tells why the port could not be reached, on the pair's error stream, and closes the pair. */
  fail(message: string): Promise<void>
  /** Aborts when the client has reset or lost this pair. */
  readonly gone: AbortSignal
}

export interface PortForwardSession {
  /** The connections as the client opens them; ends when the client has gone. */
  readonly connections: AsyncIterable<ForwardedConnection>
  readonly gone: AbortSignal
  close(): Promise<void>
}

/** What is asked for by a URL that the streaming server gave out. */
export type StreamRequest =
  | {
      readonly type: 'exec'
      readonly containerId: string
      readonly command: readonly string[]
      readonly stdin: boolean
      readonly stdout: boolean
      readonly stderr: boolean
      readonly tty: boolean
    }
  | {
      readonly type: 'attach'
      readonly containerId: string
      readonly stdin: boolean
      readonly stdout: boolean
      readonly stderr: boolean
      readonly tty: boolean
    }
  /** `ports` may be empty: SPDY clients name them stream by stream; WebSocket v4 ones in the URL or here. */
  | { readonly type: 'port-forward'; readonly sandboxId: string; readonly ports: readonly number[] }

/** The command side, as the transports call it. Each resolves when the session is over; it never rejects for the client's sake. */
export interface StreamCommands {
  exec(request: Extract<StreamRequest, { type: 'exec' }>, session: RemoteCommandSession): Promise<void>
  attach(request: Extract<StreamRequest, { type: 'attach' }>, session: RemoteCommandSession): Promise<void>
  portForward(request: Extract<StreamRequest, { type: 'port-forward' }>, session: PortForwardSession): Promise<void>
}
