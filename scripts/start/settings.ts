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

export const help = `npm start -- [options]

  --config FILE    configuration file of berthd (default: /etc/berth/config.toml, if it is there)
  --root FOLDER    images and records (default: /var/lib/berth)
  --state FOLDER   sockets and mounts (default: /run/berth)
  --log FILE       log of berthd (default: /var/log/berth/berthd.log)
  --manifest FILE  Pod to run (default: examples/hello.yaml)
  --bridge NAME    bridge for pods when the machine has no CNI configuration (default: berth0)
  --subnet CIDR    addresses for pods in that case (default: 10.73.0.0/16)
`

/** Throws for an option that does not exist and for a configuration that is not valid; undefined for --help. */
export function readSettings(args: readonly string[]): Settings | undefined {
  const values = parse(args)
  if (values.help) return undefined
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
    help: { type: 'boolean', short: 'h' },
  } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new Error(`${messageOf(error)}\n\n${help}`, { cause: error })
  }
}
