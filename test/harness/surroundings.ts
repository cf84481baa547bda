import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { stringify, type TomlTable } from 'smol-toml'
import { unmount } from '../../src/linux/mount.ts'
import { listMountPoints } from '../../src/linux/mount-facts.ts'
import { pidsOf } from './machine-state.ts'

/** A private place for one berthd: folders, configuration, a bridge and a subnet of its own, all under one temp folder. */
export interface Surroundings {
  readonly folder: string
  /** Part of every path, cgroup and command line of this test, and of no other. */
  readonly mark: string
  readonly root: string
  readonly state: string
  readonly socket: string
  readonly adminSocket: string
  readonly cniFolder: string
  /** Where host-local keeps the addresses it gave away. */
  readonly addresses: string
  readonly bridge: string
  /** `10.211.7` */
  readonly network: string
  /** The cgroup parent for pods that name none. */
  readonly cgroupParent: string
  /** Settings of registries, as `<host>/hosts.toml`. */
  readonly registriesFolder: string
  /** Where NRI plugins connect, where they are installed, and where their configuration is. */
  readonly nriSocket: string
  readonly nriPlugins: string
  readonly nriConfigs: string
  readonly configFile: string
  readonly logFile: string
}

export interface SurroundingsOptions {
  /** Tables and keys added to the configuration file, on top of the private ones. */
  readonly config?: TomlTable
  /** Registries that stand in for others: `{ 'docker.io': '127.0.0.1:5000' }`, spoken to in plain HTTP. */
  readonly mirrors?: Readonly<Record<string, string>>
  /** A command that runs berthd, with the command line after it. It must put berthd in its own place (exec). */
  readonly launcher?: readonly string[]
  /** No CNI configuration is written. */
  readonly withoutNetwork?: boolean
}

export function makeSurroundings(options: SurroundingsOptions = {}): Surroundings {
  const folder = mkdtempSync(join(tmpdir(), 'berth-test-'))
  const mark = basename(folder)
  const state = join(folder, 'run')
  const surroundings = {
    folder,
    mark,
    root: join(folder, 'lib'),
    state,
    socket: join(state, 'berth.sock'),
    adminSocket: join(state, 'admin.sock'),
    cniFolder: join(folder, 'net.d'),
    addresses: join(folder, 'addresses'),
    bridge: `bt${mark.slice(-6)}`,
    network: freeNetwork(),
    cgroupParent: `/${mark}`,
    registriesFolder: join(folder, 'certs.d'),
    nriSocket: join(state, 'nri.sock'),
    nriPlugins: join(folder, 'nri/plugins'),
    nriConfigs: join(folder, 'nri/conf.d'),
    configFile: join(folder, 'berth.toml'),
    logFile: join(folder, 'berthd.log'),
  }
  mkdirSync(surroundings.cniFolder)
  mkdirSync(surroundings.addresses)
  if (!options.withoutNetwork) writeNetwork(surroundings)
  for (const [host, mirror] of Object.entries(options.mirrors ?? {})) {
    mkdirSync(join(surroundings.registriesFolder, host), { recursive: true })
    writeFileSync(
      join(surroundings.registriesFolder, host, 'hosts.toml'),
      stringify({ host: { [`http://${mirror}`]: {} } }),
    )
  }
  writeFileSync(surroundings.configFile, stringify(configuration(surroundings, options.config ?? {})))
  return surroundings
}

/** Puts a CNI configuration list in place: what `npm start` writes, with the test's own bridge, subnet and folder. */
export function writeNetwork({ bridge, network, addresses, cniFolder }: Surroundings): void {
  const bridgePlugin = {
    type: 'bridge',
    bridge,
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      dataDir: addresses,
      ranges: [[{ subnet: `${network}.0/24` }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  }
  const plugins = [bridgePlugin, { type: 'portmap', capabilities: { portMappings: true } }]
  const list = { cniVersion: '1.0.0', name: bridge, plugins }
  writeFileSync(join(cniFolder, '10-test.conflist'), JSON.stringify(list))
}

function configuration(own: Surroundings, extra: TomlTable): TomlTable {
  const base: TomlTable = {
    root: own.root,
    state: own.state,
    socket: own.socket,
    log_level: 'debug',
    cgroup_parent: own.cgroupParent,
    // What is made ahead is made at any time: a test that compares the machine with before asks for it when it is about that.
    cni: { conf_dir: own.cniFolder, attach_ahead: 0 },
    nri: { socket: own.nriSocket, plugin_dir: own.nriPlugins, plugin_config_dir: own.nriConfigs },
    image: { registry_config_dirs: [own.registriesFolder] },
  }
  const merged = { ...base, ...extra }
  for (const [key, value] of Object.entries(base)) {
    if (isTable(value) && isTable(extra[key])) merged[key] = { ...value, ...extra[key] }
  }
  return merged
}

export function isTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

/** The first three numbers of a /24 that no link of this machine uses. */
function freeNetwork(): string {
  const used = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? [])
  for (;;) {
    const network = `10.${randomInt(208, 224)}.${randomInt(0, 256)}`
    if (!used.some((address) => address.startsWith(`${network}.`))) return network
  }
}

/** Removes what a runtime is right to leave: the bridge, which the plugin never removes, and the cgroup parent. */
export function removeShared({ bridge, mark }: Surroundings): void {
  if (existsSync(`/sys/class/net/${bridge}`)) {
    spawnSync('busybox', ['ip', 'link', 'set', bridge, 'down'])
    spawnSync('busybox', ['brctl', 'delbr', bridge])
  }
  const hierarchies = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)]
  for (const hierarchy of hierarchies) {
    try {
      rmdirSync(join(hierarchy, mark))
    } catch {
      // Not in this hierarchy, or not empty, and then the comparison with the state before says so.
    }
  }
}

/** Ends and removes everything of this test by force, so that a failed test does not spoil the next one. */
export function removeSurroundings(surroundings: Surroundings): void {
  for (const pid of pidsOf(surroundings.mark)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended meanwhile.
    }
  }
  const inside = () => listMountPoints().filter((path) => path.startsWith(`${surroundings.folder}/`))
  for (const path of inside().toReversed()) unmount(path)
  removeShared(surroundings)
  // Never delete through a mount.
  if (inside().length === 0) rmSync(surroundings.folder, { recursive: true, force: true })
}
