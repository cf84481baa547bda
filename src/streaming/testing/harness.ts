import type { TestContext } from 'node:test'
import { type Logger, silentLogger } from '../../lib/log.ts'
import { StreamingServer, type StreamingOptions } from '../server.ts'
import type { StreamRequest } from '../session.ts'
import { FakeCommands } from './fake-commands.ts'
import { SpdyClient } from '../../mux/testing/spdy-client.ts'

/** A streaming server on a free port with fake commands behind it; closed when the test ends. */
export async function startStreaming(t: TestContext, options: StreamingOptions = {}, log: Logger = silentLogger) {
  const commands = new FakeCommands()
  const limits = { lingerMs: { polite: 20, final: 1000 }, ...options.limits }
  const server = new StreamingServer(commands, log, { ...options, limits })
  await server.start()
  t.after(() => server.close())
  return { server, commands }
}

/** An exec with stdin and stdout, where nothing else is said. */
export function exec(
  wanted: Partial<Omit<Extract<StreamRequest, { type: 'exec' }>, 'type'>> = {},
): Extract<StreamRequest, { type: 'exec' }> {
  return {
    type: 'exec',
    containerId: 'c',
    command: ['true'],
    stdin: true,
    stdout: true,
    stderr: false,
    tty: false,
    ...wanted,
  }
}

export const portForward = (...ports: number[]): StreamRequest => ({ type: 'port-forward', sandboxId: 's', ports })

/** A client of SPDY with the streams of an exec open, by their type. */
export async function openExec(url: string, types: string[], protocol = 'v4.channel.k8s.io') {
  const client = await SpdyClient.connect(url, protocol)
  const ids: Record<string, number> = {}
  for (const streamtype of types) ids[streamtype] = await client.open({ streamtype })
  const id = (type: string) => ids[type] ?? 0
  return { client, id }
}

/** Keeps the lines of a log. */
export class LogKeeper implements Logger {
  readonly lines: string[] = []
  debug = (): void => {}
  info = (_fields: object, message: string): unknown => this.lines.push(message)
  warn = (_fields: object, message: string): unknown => this.lines.push(message)
  error = (_fields: object, message: string): unknown => this.lines.push(message)
  child = (): Logger => this
}
