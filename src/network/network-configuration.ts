import * as v from 'valibot'
import { messageOf } from '../lib/errors.ts'
import { type CniVersion, isSupportedVersion, supportedVersions } from './cni-version.ts'

/** A CNI network as its file describes it: the plugins of a `.conflist`, or a `.conf` as a list of one. Plain data. */
export interface NetworkConfiguration {
  readonly name: string
  readonly cniVersion: CniVersion
  /** In the order of ADD; every field of the file is kept, known or not. */
  readonly plugins: readonly PluginConfiguration[]
}

export interface PluginConfiguration {
  /** The name of the plugin's binary. */
  readonly type: string
  /** The arguments that the plugin wants from the runtime. */
  readonly capabilities?: Readonly<Record<string, boolean>>
  readonly [field: string]: unknown
}

/** As the specification has it for network names; plugins use the name in paths. */
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
const maxPlugins = 64

const nameSchema = v.pipe(
  v.string('"name" is missing'),
  v.regex(namePattern, '"name" must begin with a letter or digit and have only letters, digits, "_", "." and "-"'),
  v.maxLength(255, '"name" is longer than 255'),
)

const pluginSchema = v.looseObject(
  {
    type: v.pipe(
      v.string('a plugin has no "type"'),
      v.regex(namePattern, 'a plugin\'s "type" must be the plain name of a program'),
    ),
    capabilities: v.optional(v.record(v.string(), v.boolean('a plugin\'s "capabilities" must be true or false'))),
  },
  'a plugin is not a JSON object',
)

const listSchema = v.looseObject(
  {
    name: nameSchema,
    cniVersion: v.optional(v.string('"cniVersion" must be a string')),
    cniVersions: v.optional(v.array(v.string('"cniVersions" must be a list of strings'))),
    plugins: v.pipe(
      v.array(pluginSchema, '"plugins" must be a list'),
      v.minLength(1, '"plugins" is empty'),
      v.maxLength(maxPlugins, `more than ${maxPlugins} plugins`),
    ),
  },
  'it is not a JSON object',
)

/**
 * Reads the text of a configuration file. Throws an Error that says what is wrong with it, without the file's name.
 *
 * @param form `list` for a `.conflist`; `single` for a `.conf` or `.json`, which is wrapped into a list of one.
 */
export function parseNetworkConfiguration(text: string, form: 'list' | 'single'): NetworkConfiguration {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new Error(`it is not JSON (${messageOf(error)})`, { cause: error })
  }
  const read = v.safeParse(listSchema, form === 'single' ? wrap(data) : data, { abortEarly: true })
  if (!read.success) throw new Error(read.issues[0].message)
  const { name, plugins } = read.output
  return { name, cniVersion: chooseVersion(read.output), plugins }
}

/** A single plugin's file as a list, as libcni wraps it. A list under a `.json` name is taken for what it is. */
function wrap(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || 'plugins' in data) return data
  const { name, cniVersion } = data as { name?: unknown; cniVersion?: unknown }
  return { name, cniVersion, plugins: [data] }
}

/** The newest version that both the file and Berth know. The specification reads a missing version as 0.1.0. */
function chooseVersion(list: { cniVersion?: string; cniVersions?: string[] }): CniVersion {
  const offered = [list.cniVersion ?? '0.1.0', ...(list.cniVersions ?? [])]
  const chosen = supportedVersions.findLast((version) => offered.includes(version))
  if (chosen) return chosen
  const range = `${supportedVersions[0]} to ${supportedVersions.at(-1)}`
  throw new Error(
    list.cniVersion === undefined
      ? `"cniVersion" is missing; Berth speaks ${range}`
      : `its cniVersion ${JSON.stringify(list.cniVersion)} is not one that Berth speaks (${range}); change it in the file`,
  )
}

/** A configuration out of a record. Throws when it is none. */
export function decodeNetworkConfiguration(data: unknown): NetworkConfiguration {
  const { name, cniVersion, plugins } = v.parse(listSchema, data)
  if (cniVersion === undefined || !isSupportedVersion(cniVersion)) throw new Error(`unknown cniVersion ${cniVersion}`)
  return { name, cniVersion, plugins }
}
