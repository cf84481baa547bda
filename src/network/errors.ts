import { cancelled, deadlineExceeded, failedPrecondition, operationFailed } from '../lib/errors.ts'
import type { Verb } from './plugin-request.ts'

/** Which call of which plugin; every failure names it. */
export interface PluginCall {
  readonly verb: Verb
  readonly plugin: string
  readonly network: string
  /** Empty when the namespace is gone. */
  readonly netnsPath: string
}

const nameOf = ({ verb, plugin, network, netnsPath }: PluginCall) =>
  `CNI plugin "${plugin}" (${verb} on network "${network}"${netnsPath === '' ? '' : `, namespace ${netnsPath}`})`

/** No network for pods yet: what `ready()` says. */
export const networkNotReady = (message: string) => failedPrecondition(`the network is not ready: ${message}`)

/** No folder of plugins has a program of that name. */
export const pluginMissing = (call: PluginCall, binDirs: readonly string[]) =>
  failedPrecondition(`${nameOf(call)} is not installed: ${whereToInstall(call.plugin, binDirs)}`)

/** For messages: where a plugin was looked for, and what to do. */
export function whereToInstall(plugin: string, binDirs: readonly string[]): string {
  return (
    `no executable "${plugin}" in ${binDirs.join(', ')}; install the CNI plugins ` +
    '(Debian: containernetworking-plugins) or put it there'
  )
}

/** The plugin reported a failure, in its own words. */
export const pluginFailed = (call: PluginCall, problem: string) => operationFailed(`${nameOf(call)} failed: ${problem}`)

/** The plugin could not be started. */
export const pluginNotStarted = (call: PluginCall, cause: unknown) =>
  operationFailed(`${nameOf(call)} could not be started`, cause)

/** The plugin ended well but what it wrote is not a CNI result. */
export const pluginResultInvalid = (call: PluginCall, problem: string) =>
  operationFailed(`${nameOf(call)} gave a result that is not valid: ${problem}`)

/** The plugin did not end in its time, and was killed. */
export const pluginTimedOut = (call: PluginCall, timeoutMs: number) =>
  deadlineExceeded(`${nameOf(call)} did not end within ${timeoutMs / 1000} s and was killed`)

/** The caller gave up while the plugin ran; it was killed. */
export const pluginCancelled = (call: PluginCall, cause: unknown) =>
  cancelled(`${nameOf(call)} was killed because its caller gave up`, cause)

/** The pinned namespace that a pod was to be attached in is not one. */
export const netnsMissing = (path: string, network: string) =>
  failedPrecondition(`cannot attach to network "${network}": there is no network namespace at ${path}`)
