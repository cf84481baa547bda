import { parseArgs } from 'node:util'
import { configFileOf, loadConfig } from '../../src/config/config.ts'
import { messageOf } from '../../src/lib/errors.ts'

/** What `npm start` works with: the options given, and what berthd makes of its configuration file and its defaults. */
export interface Settings {
  /** The arguments for berthd. */
  readonly berthdArgs: readonly string[]
  /** The configuration file of berthd, if one was named. */
  readonly configFile: string | undefined
  readonly endpoint: string
  readonly adminSocket: string
  readonly cniFolder: string
  readonly bridge: string
  readonly subnet: string
  readonly logFile: string
  /** The manifest of the pod to run, from the repository's folder on. */
  readonly manifest: string
}

/** Throws for an option that does not exist and for a configuration that is not valid; the options are in ../start.mjs. */
export function readSettings(args: readonly string[]): Settings {
  const values = parse(args)
  const { root, state } = values
  const config = loadConfig(configFileOf(values.config), { ...(root && { root }), ...(state && { state }) })
  const berthdArgs = (['config', 'root', 'state'] as const).flatMap((name) => {
    const value = values[name]
    return value === undefined ? [] : [`--${name}`, value]
  })
  return {
    berthdArgs,
    configFile: configFileOf(values.config),
    endpoint: `unix://${config.socket}`,
    adminSocket: config.admin_socket,
    cniFolder: config.cni.conf_dir,
    bridge: values.bridge,
    subnet: values.subnet,
    logFile: values.log,
    manifest: values.manifest,
  }
}

function parse(args: readonly string[]) {
  const string = { type: 'string' } as const
  const options = {
    config: string,
    root: string,
    state: string,
    log: { ...string, default: '/var/log/berth/berthd.log' },
    bridge: { ...string, default: 'berth0' },
    subnet: { ...string, default: '10.73.0.0/16' },
    manifest: { ...string, default: 'examples/hello.yaml' },
  } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new Error(`${messageOf(error)}; npm start -- --help shows the options`, { cause: error })
  }
}
