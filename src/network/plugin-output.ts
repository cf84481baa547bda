import * as v from 'valibot'
import { messageOf } from '../lib/errors.ts'
import { isAddress, isPrefix } from './addresses.ts'
import { atLeast, type CniVersion, isSupportedVersion } from './cni-version.ts'

/**
 * What a plugin wrote to its stdout, made safe. Plugins are programs of others, and what they say reaches files, other
 * plugins, the records and the kubelet: everything is bounded, every address is one.
 */

/** More than this of a plugin's output is refused, in bytes. */
export const maxPluginOutput = 1024 * 1024
const maxItems = 256
const maxMessage = 2048

const shortText = v.pipe(v.string(), v.maxLength(1024))
/** Goes to resolv.conf: one word. */
const word = v.pipe(shortText, v.regex(/^[^\s\p{Cc}]+$/u, 'is not one word'))
const address = v.custom<string>((input) => typeof input === 'string' && isAddress(input), 'is not an IP address')
const addressOrNone = v.union([address, v.literal('')], 'is not an IP address')
const prefix = v.custom<string>(
  (input) => typeof input === 'string' && isPrefix(input),
  'is not an IP address with a prefix length',
)
const listOf = <T extends v.GenericSchema>(item: T) => v.nullish(v.pipe(v.array(item), v.maxLength(maxItems)))

/** The success result of CNI 0.3.0 to 1.1.0; fields that it does not name are kept. */
const resultSchema = v.looseObject({
  cniVersion: v.nullish(v.string()),
  interfaces: listOf(v.looseObject({ name: shortText, mac: v.nullish(shortText), sandbox: v.nullish(shortText) })),
  ips: listOf(
    v.looseObject({
      address: prefix,
      gateway: v.nullish(addressOrNone),
      interface: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(-1))),
    }),
  ),
  routes: listOf(v.looseObject({ dst: prefix, gw: v.nullish(addressOrNone) })),
  dns: v.nullish(
    v.looseObject({
      nameservers: listOf(word),
      domain: v.nullish(v.union([word, v.literal('')])),
      search: listOf(word),
      options: listOf(word),
    }),
  ),
})

export type PluginResult = v.InferOutput<typeof resultSchema>

/** Reads the result of an ADD and gives it the network's version. Throws an Error that says what is wrong. */
export function parsePluginResult(stdout: Buffer, version: CniVersion): PluginResult {
  if (stdout.length > maxPluginOutput) throw new Error(`it is larger than ${maxPluginOutput} bytes`)
  const text = stdout.toString('utf8')
  if (text.trim() === '') throw new Error('it is empty')
  let result: PluginResult
  try {
    result = decodePluginResult(JSON.parse(text))
    // What cannot be written again (nested too deeply) could be neither recorded nor handed to the next plugin.
    JSON.stringify(result)
  } catch (error) {
    throw new Error(`${messageOf(error)}; it begins ${JSON.stringify(text.slice(0, 80))}`, { cause: error })
  }
  return withVersion(result, version)
}

/** Checks a result that was parsed or recorded. Throws an Error that names the field. */
export function decodePluginResult(data: unknown): PluginResult {
  if (Array.isArray(data)) throw new Error('it is not a JSON object')
  const read = v.safeParse(resultSchema, data, { abortEarly: true })
  if (read.success) return read.output
  const issue = read.issues[0]
  const path = v.getDotPath(issue)
  throw new Error(cleanText(path === null ? issue.message : `${path}: ${issue.message}`, 256))
}

/** Versions before 1.0.0 want to know of every address whether it is IPv4 or IPv6. */
function withVersion(result: PluginResult, version: CniVersion): PluginResult {
  const given = result.cniVersion ?? version
  if (given === version) return { ...result, cniVersion: version }
  if (!isSupportedVersion(given))
    throw new Error(`its cniVersion ${JSON.stringify(given)} is not one that Berth speaks`)
  const ips = result.ips?.map((ip) => {
    const { version: _, ...rest } = ip
    return atLeast(version, '1.0.0') ? rest : { ...rest, version: ip.address.includes(':') ? '6' : '4' }
  })
  return { ...result, cniVersion: version, ...(ips ? { ips } : {}) }
}

/** A plugin's failure in its own words. */
export interface PluginFailure {
  /** The error code of the specification ("Error"), when the plugin gave one. */
  readonly code: number | undefined
  readonly problem: string
}

/** CNI error codes that mean something to Berth. */
export const errorCode = { unknownContainer: 3, invalidEnvironment: 4 } as const

const errorSchema = v.looseObject({
  code: v.nullish(v.number()),
  msg: v.pipe(v.string(), v.minLength(1)),
  details: v.nullish(v.string()),
})

/** Reads the error that a failed plugin wrote; when it is none, what it wrote to its stderr or stdout. */
export function parsePluginFailure(stdout: Buffer, stderr: Buffer, exit: string): PluginFailure {
  try {
    const { code, msg, details } = v.parse(
      errorSchema,
      JSON.parse(stdout.subarray(0, maxPluginOutput).toString('utf8')),
    )
    return { code: code ?? undefined, problem: cleanText(details ? `${msg}; ${details}` : msg) }
  } catch {
    const words = [stderr, stdout].map((bytes) => cleanText(bytes.subarray(0, 4 * maxMessage).toString('utf8')))
    const said = words.find((text) => text !== '')
    return { code: undefined, problem: said === undefined ? `${exit}, without a word` : `${exit}: ${said}` }
  }
}

/** Fit for one line of a log or an event. */
function cleanText(text: string, maxLength = maxMessage): string {
  const line = text
    .slice(0, 4 * maxLength)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  return line.length > maxLength ? `${line.slice(0, maxLength)}…` : line
}
