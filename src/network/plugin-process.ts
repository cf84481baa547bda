import { setTimeout as delay } from 'node:timers/promises'
import { type CommandResult, runCommand, WaitingCommand } from '../linux/command.ts'
import type { Reaper } from '../linux/reaper.ts'
import { type PluginCall, pluginCancelled, pluginNotStarted, pluginTimedOut } from './errors.ts'
import { type PluginFailure, parsePluginFailure } from './plugin-output.ts'

export interface PluginProgram {
  /** The program, as an absolute path. */
  readonly file: string
  readonly env: Readonly<Record<string, string>>
}

export interface PluginInput {
  readonly stdin: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export type PluginOutcome =
  | { readonly ok: true; readonly stdout: Buffer }
  | { readonly ok: false; readonly failure: PluginFailure }

/** How long a killed plugin may take to be gone; one that hangs in the kernel is then left to the reaper. */
const goneWithinMs = 2000

/**
 * Runs a plugin once. A plugin that fails is an outcome; one that cannot be started, hangs, or whose caller gives up, throws.
 * A hanging plugin is killed with its process group, so that the programs that it started do not go on in its name.
 */
export function runPlugin(
  reaper: Reaper,
  call: PluginCall,
  { file, env }: PluginProgram,
  input: PluginInput,
): Promise<PluginOutcome> {
  const { stdin } = input
  return toItsEnd(call, input, (signal) => runCommand(reaper, { file, args: [], env, cwd: '/', stdin, signal }))
}

/** A plugin that is started, and waits for its input. Disposed of before it gets that, it has done nothing. */
export class WaitingPlugin implements Disposable {
  readonly #call: PluginCall
  readonly #command: WaitingCommand

  constructor(reaper: Reaper, call: PluginCall, { file, env }: PluginProgram) {
    this.#call = call
    try {
      this.#command = new WaitingCommand(reaper, { file, args: [], env, cwd: '/' })
    } catch (error) {
      throw pluginNotStarted(call, error)
    }
  }

  /** As {@link runPlugin}. */
  run(input: PluginInput): Promise<PluginOutcome> {
    return toItsEnd(this.#call, input, (signal) => this.#command.run(input.stdin, signal))
  }

  [Symbol.dispose](): void {
    this.#command[Symbol.dispose]()
  }
}

async function toItsEnd(
  call: PluginCall,
  { timeoutMs, signal }: PluginInput,
  run: (signal: AbortSignal) => Promise<CommandResult>,
): Promise<PluginOutcome> {
  if (signal?.aborted) throw pluginCancelled(call, signal.reason)
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), timeoutMs)
  const onAbort = () => stop.abort()
  signal?.addEventListener('abort', onAbort)
  try {
    const result = await Promise.race([run(stop.signal), goneAfter(stop.signal)])
    if (result && !result.killed) return outcomeOf(result)
  } catch (error) {
    if (!stop.signal.aborted) throw pluginNotStarted(call, error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
  throw signal?.aborted ? pluginCancelled(call, signal.reason) : pluginTimedOut(call, timeoutMs)
}

async function goneAfter(stop: AbortSignal): Promise<undefined> {
  await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }))
  await delay(goneWithinMs, undefined, { ref: false })
}

function outcomeOf({ exitCode, signal, stdout, stderr }: CommandResult): PluginOutcome {
  if (exitCode === 0) return { ok: true, stdout }
  const exit = signal === 0 ? `exit code ${exitCode}` : `killed by signal ${signal}`
  return { ok: false, failure: parsePluginFailure(stdout, stderr, exit) }
}
