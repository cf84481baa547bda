import { messageOf } from '../lib/errors.ts'
import { span } from '../lib/span.ts'
import type { Reaper } from '../linux/reaper.ts'
import { type PluginCall, pluginFailed, pluginMissing, pluginResultInvalid } from './errors.ts'
import type { NetworkConfiguration, PluginConfiguration } from './network-configuration.ts'
import { findPlugin } from './plugin-lookup.ts'
import { errorCode, type PluginFailure, type PluginResult, parsePluginResult } from './plugin-output.ts'
import { type PluginOutcome, runPlugin } from './plugin-process.ts'
import { pluginEnvironment, pluginInput, type RuntimeArguments, type Verb } from './plugin-request.ts'

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
 * ADD: the plugins in order, each with the result of the one before; answers the last one's.
 *
 * @param onResult hears each plugin's result, so that an undo can tell the plugins what there was.
 */
export async function addToNetwork(
  host: PluginHost,
  network: NetworkConfiguration,
  runtime: RuntimeArguments,
  signal?: AbortSignal,
  onResult?: (result: PluginResult) => void,
): Promise<PluginResult> {
  let result: PluginResult | undefined
  for (const plugin of network.plugins) {
    const { call, outcome } = await callPlugin(host, 'ADD', network, plugin, runtime, result, signal)
    if (!outcome.ok) throw pluginFailed(call, outcome.failure.problem)
    try {
      result = parsePluginResult(outcome.stdout, network.cniVersion)
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
export async function deleteFromNetwork(
  host: PluginHost,
  network: NetworkConfiguration,
  runtime: RuntimeArguments,
  result: object | undefined,
): Promise<void> {
  for (const plugin of network.plugins.toReversed()) {
    const { call, outcome } = await callPlugin(host, 'DEL', network, plugin, runtime, result)
    if (!outcome.ok && !isAlreadyGone(outcome.failure, runtime)) throw pluginFailed(call, outcome.failure.problem)
  }
}

/** STATUS (CNI 1.1): undefined when every plugin is ready for ADD, else what the first that is not says. */
export async function networkProblem(host: PluginHost, network: NetworkConfiguration): Promise<string | undefined> {
  for (const plugin of network.plugins) {
    try {
      const { call, outcome } = await callPlugin(host, 'STATUS', network, plugin)
      if (!outcome.ok && !isUnknownVerb(outcome.failure)) return pluginFailed(call, outcome.failure.problem).message
    } catch (error) {
      return messageOf(error)
    }
  }
  return undefined
}

async function callPlugin(
  host: PluginHost,
  verb: Verb,
  network: NetworkConfiguration,
  plugin: PluginConfiguration,
  runtime?: RuntimeArguments,
  prevResult?: object,
  signal?: AbortSignal,
): Promise<{ call: PluginCall; outcome: PluginOutcome }> {
  const call = { verb, plugin: plugin.type, network: network.name, netnsPath: runtime?.netnsPath ?? '' }
  const file = findPlugin(plugin.type, host.binDirs)
  if (file === undefined) throw pluginMissing(call, host.binDirs)
  const env = pluginEnvironment(verb, runtime, host.binDirs, host.environment)
  const stdin = pluginInput(verb, network, plugin, runtime, prevResult)
  const request = { call, file, env, stdin, timeoutMs: host.timeoutMs, signal }
  const outcome = await span(`CNI ${verb} ${plugin.type}`, () => runPlugin(host.reaper, request))
  return { call, outcome }
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
