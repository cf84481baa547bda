import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Command, Option } from 'commander'
import { messageOf } from '../lib/errors.ts'
import { createLogger } from '../lib/log.ts'
import { configFileOf, loadConfig, type Overrides, standardFile } from '../config/config.ts'
import { startDaemon } from './daemon.ts'
import { LiveConfig } from './live-config.ts'
import { ServiceManager } from './service-manager.ts'
import { FileWatch, signatureOf } from './watch-file.ts'

/** berthd: see `berthd --help`. */
interface Flags {
  readonly config?: string
  readonly root?: string
  readonly state?: string
  readonly socket?: string
  readonly adminSocket?: string
  readonly logLevel?: Overrides['log_level']
}

/** Unbuilt this file lies in src/daemon, bundled it is dist/berthd.js with the shim's bundle beside it. */
const unbuilt = import.meta.url.endsWith('.ts')
const packageFile = new URL(unbuilt ? '../../package.json' : '../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

const program = new Command('berthd')
  .description('Berth: a Kubernetes container runtime. Serves CRI v1 on a unix socket; pods outlive it.')
  .version(version)
  .option(
    '-c, --config <file>',
    'configuration file, TOML (docs/configuration.md); /etc/berth/config.toml if it is there, else built-in defaults',
  )
  .option('--root <folder>', 'data that survives a reboot: images, records (default: /var/lib/berth)')
  .option('--state <folder>', 'data that does not: sockets, mounts, pipes (default: /run/berth)')
  .option('--socket <path>', 'where to serve CRI (default: berth.sock in the state folder)')
  .option('--admin-socket <path>', 'where to serve the admin API (default: admin.sock in the state folder)')
  .addOption(new Option('--log-level <level>', 'what to log').choices(['debug', 'info', 'warn', 'error']))

const flags = program.parse().opts<Flags>()

try {
  if (process.getuid?.() !== 0) throw new Error('berthd must run as root: it mounts, and makes namespaces and cgroups')
  const read = () =>
    loadConfig(configFileOf(flags.config), {
      ...(flags.root && { root: flags.root }),
      ...(flags.state && { state: flags.state }),
      ...(flags.socket && { socket: flags.socket }),
      ...(flags.adminSocket && { admin_socket: flags.adminSocket }),
      ...(flags.logLevel && { log_level: flags.logLevel }),
    })
  const file = flags.config ?? standardFile
  const seen = signatureOf(file)
  const first = read()
  const log = createLogger('berthd', first.log_level)
  const live = new LiveConfig(read, { first, file: () => configFileOf(flags.config), log })
  process.on('unhandledRejection', (error) =>
    log.error({ error: messageOf(error), stack: stackOf(error) }, 'a bug: unhandled'),
  )
  const shimEntry = fileURLToPath(new URL(unbuilt ? '../shim/main.ts' : './berth-shim.js', import.meta.url))
  const manager = ServiceManager.of(process.env, log)
  // Of the launcher, for this process alone.
  delete process.env.NODE_COMPILE_CACHE
  const starting = startDaemon({ live, version, shimEntry, log })
  const reload = (cause: string) => starting.then(() => live.reload(cause)).catch(() => {})
  process.on('SIGHUP', () => void reload('SIGHUP'))
  const daemon = await starting
  manager.ready((signal) => daemon.check(signal))
  // The heap may grow to twice what is in use before all of it is looked through. With so small a nursery Node would do that for
  // each 20 MB that flow, half of all CPU; while the program is loaded it costs time instead.
  setFlagsFromString('--heap-growing-percent=100')
  // Those of threads that are started later, which begin with a few megabytes otherwise and live for seconds: all of the heap of
  // the thread that downloads would be looked through six times for a layer of 260 MB. In megabytes.
  setFlagsFromString('--initial-old-space-size=64')
  const watch = new FileWatch(file, seen, log, () => void reload('a change of the file'))
  const stop = async (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping; pods run on')
    manager.stopping()
    manager[Symbol.dispose]()
    watch[Symbol.dispose]()
    await daemon.close().catch((error) => log.error({ error: messageOf(error) }, 'not all could be closed'))
    process.exit(0)
  }
  process.once('SIGTERM', stop).once('SIGINT', stop)
} catch (error) {
  process.stderr.write(`berthd: ${messageOf(error)}\n`)
  process.exit(1)
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined
}
