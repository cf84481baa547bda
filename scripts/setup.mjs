/**
 * Makes this machine ready for Berth: the npm packages, and from Debian the OCI runtime, the CNI plugins, iptables and a
 * static busybox. Says what it does while it does it; when nothing is missing it is silent and takes a few milliseconds.
 *
 *     node scripts/setup.mjs            what `npm start` needs
 *     node scripts/setup.mjs --tests    and what `npm test` needs on top
 *
 * Plain JavaScript for any Node >= 20 and without dependencies, since it is what installs them.
 */
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, step } from './run.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** The oldest Node that runs Berth: node:sqlite and type stripping without flags. */
const floor = [24, 15]

/** Where programs are, whatever PATH this was started with (a plain user's PATH lacks the sbin folders). */
const programFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const pluginFolders = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni']

/** What must be there, and the Debian package that brings it. */
const needed = [
  { what: 'runc or crun', package: 'runc', present: () => hasProgram('runc') || hasProgram('crun') },
  {
    what: 'the CNI plugins',
    package: 'containernetworking-plugins',
    present: () => ['bridge', 'host-local', 'portmap', 'loopback'].every(hasPlugin),
  },
  { what: 'iptables', package: 'iptables', present: () => hasProgram('iptables') },
  { what: 'a static busybox', package: 'busybox-static', present: () => staticBusybox() !== undefined },
]
const neededForTests = [
  { what: 'docker-registry', package: 'docker-registry', present: () => hasProgram('docker-registry') },
  { what: 'runc', package: 'runc', present: () => hasProgram('runc') },
  { what: 'ip', package: 'iproute2', present: () => hasProgram('ip') },
]

const neededForPackaging = [{ what: 'debootstrap', package: 'debootstrap', present: () => hasProgram('debootstrap') }]

/** Installs what is missing. Throws an Error with a message for the user when that cannot be done. */
export async function setup({ tests = false, packaging = false } = {}) {
  if (process.platform !== 'linux') throw new Error('Berth runs on Linux only.')
  if (process.getuid() !== 0) {
    throw new Error('Berth needs root: it mounts file systems and makes namespaces. Try: sudo npm start')
  }
  await installNpmPackages()
  await installDebianPackages([
    ...needed,
    ...(tests || packaging ? neededForTests : []),
    ...(packaging ? neededForPackaging : []),
  ])
}

/** The Node that runs Berth: the one from the lockfile, or the machine's own when it is new enough. */
export function findNode() {
  const own = join(root, `node_modules/node-linux-${process.arch}/bin/node`)
  if (isExecutable(own)) return own
  if (isNewEnough(process.versions.node)) return process.execPath
  throw new Error(
    `Berth needs Node ${floor.join('.')} or newer; this is ${process.versions.node}, and the npm package ` +
      `node-linux-${process.arch}, which brings one, is not installed. ` +
      'Run `npm ci --include=optional` (on x64 and arm64), or install a newer Node.',
  )
}

/** Whether Berth's own source runs on this version of Node. */
export function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > floor[0] || (major === floor[0] && minor >= floor[1])
}

/** The path of a busybox that runs in an empty root file system, or undefined. */
export function staticBusybox() {
  return programFolders.map((folder) => join(folder, 'busybox')).find((path) => isExecutable(path) && isStatic(path))
}

/** Installs what package-lock.json asks for, unless it is there. */
export async function installNpmPackages() {
  if (npmPackagesAreInstalled()) return
  await step(
    'Installing the npm packages (npm ci)',
    () =>
      run('npm', ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'], {
        cwd: root,
        // Not the Node in node_modules: npm is about to replace it.
        env: { ...process.env, PATH: pathWithoutNodeModules() },
      }),
    'slow, or no network: npm tries its registry for some minutes',
  )
}

/** Whether node_modules holds what package-lock.json asks for: npm keeps a lockfile of its own in there. */
function npmPackagesAreInstalled() {
  const installed = readLockfile(join(root, 'node_modules/.package-lock.json'))
  if (!installed) return false
  return Object.entries(readLockfile(join(root, 'package-lock.json')) ?? {}).every(
    ([path, { version, optional }]) =>
      path === '' || installed[path]?.version === version || (optional && !installed[path]),
  )
}

function readLockfile(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

async function installDebianPackages(items) {
  const missing = items.filter(({ present }) => !present())
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((item) => item.package))]
  if (!isDebian()) {
    throw new Error(
      `Missing on this machine: ${missing.map(({ what }) => what).join(', ')}. This is not Debian or Ubuntu, so install ` +
        `them with its own package manager (on Debian they come from ${packages.join(', ')}), then run this again.`,
    )
  }
  const registryIsNew = packages.includes('docker-registry')
  if (!(await tryInstall(packages))) {
    await step('Reading the package lists (apt-get update)', () => apt('update'))
    await step(`Installing ${packages.join(', ')} (apt-get install)`, () => apt('install', ...packages))
  }
  // Its package starts a service on port 5000; the tests start one of their own on a free port.
  if (registryIsNew && existsSync('/run/systemd/system'))
    await run('systemctl', ['disable', '--now', 'docker-registry'])
  const still = items.filter(({ present }) => !present())
  if (still.length > 0) throw new Error(`Still missing after apt-get: ${still.map(({ what }) => what).join(', ')}`)
}

/** Installs from the package lists that are there; answers false when they are missing or too old for that. */
async function tryInstall(packages) {
  if (!existsSync('/var/cache/apt/pkgcache.bin') && !existsSync('/var/lib/apt/lists/lock')) return false
  try {
    await step(`Installing ${packages.join(', ')} (apt-get install)`, () => apt('install', ...packages))
    return true
  } catch (error) {
    if (!/Unable to locate|no installation candidate|Failed to fetch|404/i.test(error.message)) throw error
    return false
  }
}

function apt(command, ...packages) {
  const options = ['-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0']
  return run('apt-get', [...options, command, ...packages], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

function hasProgram(name) {
  return programFolders.some((folder) => isExecutable(join(folder, name)))
}

function hasPlugin(name) {
  return pluginFolders.some((folder) => isExecutable(join(folder, name)))
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether a 64-bit ELF program needs no interpreter (no PT_INTERP among its program headers; elf(5)). */
function isStatic(path) {
  const header = Buffer.alloc(4096)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, header, 0, header.length, 0)
  } finally {
    closeSync(fd)
  }
  if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2) return false
  const start = Number(header.readBigUInt64LE(32))
  const size = header.readUInt16LE(54)
  const count = header.readUInt16LE(56)
  for (let at = start, i = 0; i < count && at + 4 <= header.length; i++, at += size) {
    if (header.readUInt32LE(at) === 3) return false
  }
  return true
}

function pathWithoutNodeModules() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !/node_modules/.test(folder))
  return [...new Set([...folders, ...programFolders])].join(delimiter)
}

/** Shows what went wrong and ends the process. Only a fault of ours has a stack that helps. */
export function fail(error) {
  const isBug = [TypeError, ReferenceError, SyntaxError, RangeError].some((kind) => error instanceof kind)
  console.error(isBug ? error : `\n${error.message}`)
  process.exit(1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup({ tests: process.argv.includes('--tests') })
  } catch (error) {
    fail(error)
  }
}
