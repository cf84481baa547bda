import { pipeline } from 'node:stream/promises'
import type {
  ForwardedConnection,
  PortForwardSession,
  RemoteCommandSession,
  StreamCommands,
  StreamRequest,
  TerminalSize,
} from '../session.ts'

type ExecRequest = Extract<StreamRequest, { type: 'exec' }>

/** Commands that need no container: what a test puts in the place of one. Attach does as exec. */
export class FakeCommands implements StreamCommands {
  readonly sizes: TerminalSize[] = []
  /** What runs; `echo` unless a test sets another. */
  run: (session: RemoteCommandSession) => Promise<void> = echo
  forward: (connection: ForwardedConnection) => Promise<void> = forwardEcho
  /** How many sessions are under way. */
  running = 0

  async exec(
    _request: Pick<ExecRequest, 'type'> | { readonly type: 'attach' },
    session: RemoteCommandSession,
  ): Promise<void> {
    this.running++
    if (session.resizes) void this.#gather(session.resizes)
    try {
      await this.run(session)
    } finally {
      this.running--
    }
  }

  attach(request: { readonly type: 'attach' }, session: RemoteCommandSession): Promise<void> {
    return this.exec(request, session)
  }

  async portForward(_request: { readonly type: 'port-forward' }, session: PortForwardSession): Promise<void> {
    for await (const connection of session.connections) void this.forward(connection).catch(() => {})
  }

  async #gather(resizes: AsyncIterable<TerminalSize>): Promise<void> {
    for await (const size of resizes) this.sizes.push(size)
  }
}

/** What comes goes back on stdout; the exit code is 0. */
export async function echo(session: RemoteCommandSession): Promise<void> {
  if (session.stdin && session.stdout) await pipeline(session.stdin, session.stdout, { end: false }).catch(() => {})
  await session.finish({ type: 'exited', exitCode: 0 })
}

/** Port 1 refuses; the others send back what comes. */
export async function forwardEcho(connection: ForwardedConnection): Promise<void> {
  if (connection.port === 1) return connection.fail('connection refused')
  await pipeline(connection.input, connection.output)
}
