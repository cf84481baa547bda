import { messageOf } from '../lib/errors.ts'
import { span } from '../lib/span.ts'
import type { Reaper } from '../linux/reaper.ts'
import { type PluginCall, pluginFailed, pluginMissing, pluginResultInvalid } from './errors.ts'
import type { NetworkConfiguration, PluginConfiguration } from './network-configuration.ts'
import { hasNothingToDo } from './needless-plugins.ts'
import { findPlugin } from './plugin-lookup.ts'
import { errorCode, type PluginFailure, type PluginResult, parsePluginResult } from './plugin-output.ts'
import { type PluginOutcome, type PluginProgram, runPlugin, WaitingPlugin } from './plugin-process.ts'
import { pluginEnvironment, pluginInput, type RuntimeArguments, type Verb } from './plugin-request.ts'
import { waitsForInput } from './waiting-plugins.ts'

/** Where and how plugins run. */
export interface PluginHost {
  readonly reaper: Reaper
  readonly binDirs: readonly string[]
  /** What of the environment plugins get beside their own variables. */
  readonly environment: Readonly<Record<string, string>>
  /** For each call of a plugin, in milliseconds. */
  readonly timeoutMs: number
}

/**
 * The plugins of a network, about to be called with one verb. Those that wait for their input are started at once, all of them,
 * so that their start-up takes no time when it is their turn. Until then nothing is done.
 */
export class PluginChain implements Disposable {
  readonly #host: PluginHost
  readonly #verb: Verb
  readonly #network: NetworkConfiguration
  readonly #runtime: RuntimeArguments
  /** Those of the network that have something to do, in the order of ADD. */
  readonly #plugins: PluginConfiguration[] = []
  readonly #waiting = new Map<PluginConfiguration, WaitingPlugin>()

  /** @param all also those that have nothing to do as far as `runtime` tells, which may not be all */
  constructor(
    host: PluginHost,
    verb: 'ADD' | 'DEL',
    network: NetworkConfiguration,
    runtime: RuntimeArguments,
    { all = false } = {},
  ) {
    this.#host = host
    this.#verb = verb
    this.#network = network
    this.#runtime = runtime
    for (const [index, plugin] of network.plugins.entries()) {
      const file = findPlugin(plugin.type, host.binDirs)
      const mayBeNeedless = !all && index > 0 && file !== undefined
      if (mayBeNeedless && hasNothingToDo(plugin, runtime, file)) continue
      this.#plugins.push(plugin)
      if (file === undefined || !waitsForInput(plugin.type, file)) continue
      try {
        this.#waiting.set(plugin, new WaitingPlugin(host.reaper, this.#callOf(plugin), this.#program(file)))
      } catch {
        // It is tried once more when it is its turn, and then the error counts.
      }
    }
  }

  /**
   * ADD: the plugins in order, each with the result of the one before; answers the last one's.
   *
   * @param onResult hears each plugin's result, so that an undo can tell the plugins what there was.
   */
  async add(signal?: AbortSignal, onResult?: (result: PluginResult) => void): Promise<PluginResult> {
    let result: PluginResult | undefined
    for (const plugin of this.#plugins) {
      const call = this.#callOf(plugin)
      const outcome = await this.#run(plugin, result, signal)
      if (!outcome.ok) throw pluginFailed(call, outcome.failure.problem)
      try {
        result = parsePluginResult(outcome.stdout, this.#network.cniVersion)
      } catch (error) {
        throw pluginResultInvalid(call, messageOf(error))
      }
      onResult?.(result)
    }
    return result ?? {}
  }

  /**
   * DEL: the plugins in reverse order, each with the result of the ADD when there is one. Ends at the first that fails, as the
   * specification has it; a plugin that says that there is nothing to delete has not failed.
   */
  async delete(result: object | undefined): Promise<void> {
    for (const plugin of this.#plugins.toReversed()) {
      const outcome = await this.#run(plugin, result)
      if (!outcome.ok && !isAlreadyGone(outcome.failure, this.#runtime)) {
        throw pluginFailed(this.#callOf(plugin), outcome.failure.problem)
      }
    }
  }

  /** Ends what has not had its turn. */
  [Symbol.dispose](): void {
    for (const plugin of this.#waiting.values()) plugin[Symbol.dispose]()
  }

  #run(plugin: PluginConfiguration, prevResult?: object, signal?: AbortSignal): Promise<PluginOutcome> {
    const stdin = pluginInput(this.#verb, this.#network, plugin, this.#runtime, prevResult)
    const input = { stdin, timeoutMs: this.#host.timeoutMs, signal }
    return span(`CNI ${this.#verb} ${plugin.type}`, async () => {
      const waiting = this.#waiting.get(plugin)
      if (waiting) return waiting.run(input)
      const call = this.#callOf(plugin)
      return runPlugin(this.#host.reaper, call, this.#program(programOf(this.#host, call)), input)
    })
  }

  #callOf({ type }: PluginConfiguration): PluginCall {
    return { verb: this.#verb, plugin: type, network: this.#network.name, netnsPath: this.#runtime.netnsPath }
  }

  #program(file: string): PluginProgram {
    return { file, env: pluginEnvironment(this.#verb, this.#runtime, this.#host.binDirs, this.#host.environment) }
  }
}

/** STATUS (CNI 1.1): undefined when every plugin is ready for ADD, else what the first that is not says. */
export async function networkProblem(host: PluginHost, network: NetworkConfiguration): Promise<string | undefined> {
  for (const plugin of network.plugins) {
    const call = { verb: 'STATUS', plugin: plugin.type, network: network.name, netnsPath: '' } as const
    try {
      const env = pluginEnvironment('STATUS', undefined, host.binDirs, host.environment)
      const stdin = pluginInput('STATUS', network, plugin, undefined, undefined)
      const program = { file: programOf(host, call), env }
      const outcome = await runPlugin(host.reaper, call, program, { stdin, timeoutMs: host.timeoutMs })
      if (!outcome.ok && !isUnknownVerb(outcome.failure)) return pluginFailed(call, outcome.failure.problem).message
    } catch (error) {
      return messageOf(error)
    }
  }
  return undefined
}

function programOf(host: PluginHost, call: PluginCall): string {
  const file = findPlugin(call.plugin, host.binDirs)
  if (file === undefined) throw pluginMissing(call, host.binDirs)
  return file
}

/**
 * The specification wants DEL to succeed when there is nothing left; these are the plugins that fail instead. That a plugin
 * did not find a program that it needs is another matter: then nothing was deleted.
 */
function isAlreadyGone({ code, problem }: PluginFailure, runtime: RuntimeArguments): boolean {
  if (code === errorCode.unknownContainer) return true
  if (/executable file not found|command not found/i.test(problem)) return false
  return /not found/i.test(problem) || (runtime.netnsPath === '' && /no such file or directory/i.test(problem))
}

/** A plugin older than the version of its configuration does not know STATUS; it cannot be asked. */
function isUnknownVerb({ code, problem }: PluginFailure): boolean {
  return code === errorCode.invalidEnvironment && /unknown CNI_COMMAND/i.test(problem)
}
