import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { inspect } from 'node:util'
import { type CallOptions, type CriConnection, CriError, connect } from '../client/index.ts'
import { socketPathOf } from '../client/endpoint.ts'
import { messageOf } from '../lib/errors.ts'
import { columnsOf, painter, tableStyle } from './format/colour.ts'
import { parseDuration } from './format/duration.ts'
import { printable } from './format/printable.ts'
import { formatTable } from './format/table.ts'

/** Where a run of `berth` reads and writes; that of a real one is in main.ts, tests have their own. */
export interface Terminal {
  /** Read from only by commands that are told to. */
  readonly stdin?: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Fires when the user wants it to end (Ctrl-C). */
  readonly signal: AbortSignal
}

/** The options before the command's name. */
export interface GlobalOptions {
  readonly runtimeEndpoint: string
  readonly imageEndpoint?: string
  readonly timeout?: string
}

/** How long a call that only asks may take when the user does not say: milliseconds. */
const askTimeoutMs = 10_000

/** What commands work with: the connection, the terminal, and the exit code. */
export class Cli implements Disposable {
  readonly terminal: Terminal
  /** The exit code of a run that throws nothing. */
  exitCode = 0
  readonly #options: () => GlobalOptions
  #connection: CriConnection | undefined

  constructor(terminal: Terminal, options: () => GlobalOptions) {
    this.terminal = terminal
    this.#options = options
  }

  /** The connection to the runtime, made at its first use. */
  get cri(): CriConnection {
    const { runtimeEndpoint, imageEndpoint } = this.#options()
    this.#connection ??= connect(runtimeEndpoint, { imageEndpoint: imageEndpoint ?? runtimeEndpoint })
    return this.#connection
  }

  /** Where berthd serves its admin API: beside the CRI socket, unless BERTH_ADMIN_SOCKET says otherwise. */
  get adminSocket(): string {
    const { BERTH_ADMIN_SOCKET: given } = this.terminal.env
    return given || join(dirname(socketPathOf(this.#options().runtimeEndpoint)), 'admin.sock')
  }

  /** Options of calls that only ask: they end soon or something is wrong. */
  get ask(): CallOptions {
    return { ...this.work, timeout: this.work.timeout ?? askTimeoutMs }
  }

  /** Options of calls that do work, such as a pull: they take what they take, unless the user says otherwise. */
  get work(): CallOptions {
    const { timeout } = this.#options()
    const { signal } = this.terminal
    return timeout === undefined ? { signal } : { signal, timeout: parseDuration(timeout) }
  }

  /** Writes a line to stdout. */
  print(line: string): void {
    this.terminal.stdout.write(`${line}\n`)
  }

  /** Writes a table: in colour, and no wider than the terminal, where there is one. */
  printTable(rows: readonly (readonly string[])[], options: { readonly whole?: boolean } = {}): void {
    this.terminal.stdout.write(this.table(rows, options))
  }

  /** The text of such a table. */
  table(rows: readonly (readonly string[])[], { whole = false }: { readonly whole?: boolean } = {}): string {
    const columns = whole ? undefined : columnsOf(this.terminal.stdout)
    // Names come from outside, and are not to steer the terminal.
    const cells = rows.map((row) => row.map(printable))
    return formatTable(cells, { columns, style: tableStyle(painter(this.terminal)) })
  }

  /** Writes a line to stderr that is not a failure. */
  note(line: string): void {
    this.terminal.stderr.write(`berth: ${line}\n`)
  }

  /** Writes what failed to stderr and makes the exit code 1; the command may go on. */
  fail(error: unknown): void {
    this.terminal.stderr.write(`${describeFailure(error, this.terminal.env)}\n`)
    this.exitCode = 1
  }

  [Symbol.dispose](): void {
    this.#connection?.close()
  }
}

/** Where berthd serves unless its configuration says otherwise. */
export const defaultEndpoint = 'unix:///run/berth/berth.sock'

/** A failure in one line for a user; with DEBUG set, its stack and causes too. */
export function describeFailure(error: unknown, env: Terminal['env']): string {
  // The message of a CriError already says what gRPC did, in better words than its cause.
  const message = error instanceof CriError ? error.message : messageOf(error)
  const line = `berth: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}${howToStart(error)}`
  return env.DEBUG ? `${line}\n${inspect(error)}` : line
}

/** For a newcomer, who has not named a runtime: that of the default endpoint is Berth. */
function howToStart(error: unknown): string {
  const isNotThere = error instanceof CriError && error.message.startsWith('nothing serves')
  if (!isNotThere || error.endpoint !== defaultEndpoint) return ''
  return ' (systemctl start berth; in a checkout: npm start)'
}
