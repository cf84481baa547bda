import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { newId } from '../../src/lib/ids.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { runCommand } from '../../src/linux/command.ts'
import { unmount } from '../../src/linux/mount.ts'
import { bringUpLoopback } from '../../src/linux/loopback-interface.ts'
import { pinNamespaces } from '../../src/linux/namespaces.ts'
import { Reaper } from '../../src/linux/reaper.ts'
import { Network } from '../../src/network/network.ts'
import { defaultBinDirs } from '../../src/network/plugin-lookup.ts'
import type { AttachRequest } from '../../src/network/port.ts'
import { openDatabase } from '../../src/state/database.ts'
import { eventually } from '../harness/eventually.ts'
import { takeMachine } from '../harness/machine-lock.ts'
import { assertAsBefore, machineState } from '../harness/machine-state.ts'

/*
 * CNI with the real plugins (bridge, host-local, portmap) and real namespaces: what a pod gets, that traffic
 * flows, and that nothing is left. The bridge, the subnet and the address store are this test's own.
 */

await takeMachine()
const folder = mkdtempSync(join(tmpdir(), 'berth-network-'))
const ignored = { mark: folder, folders: ['/run/netns'], ignore: /ip_local_port_range/ }
const before = machineState(ignored)
const forwarding = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')
const bridge = `brt${process.pid}`
const subnet = `10.213.${randomInt(256)}`
const network = `berth-test-${process.pid}`
const addresses = join(folder, 'addresses')
const confDir = join(folder, 'net.d')
const binDir = join(folder, 'bin')
const reaper = new Reaper({ adopt: false })
const database = openDatabase(':memory:')
const pinned: string[] = []

mkdirSync(confDir)
mkdirSync(binDir)
const bridgePlugin = {
  type: 'bridge',
  bridge,
  isGateway: true,
  ipMasq: true,
  hairpinMode: true,
  ipam: {
    type: 'host-local',
    ranges: [[{ subnet: `${subnet}.0/24` }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: addresses,
  },
}
const portmapPlugin = { type: 'portmap', capabilities: { portMappings: true }, snat: true }

function configure(...plugins: object[]): void {
  const text = JSON.stringify({ name: network, cniVersion: '1.0.0', plugins })
  writeFileSync(join(confDir, '10-test.conflist'), text)
}

/** Another one over the same database is the daemon started again. */
function newNetwork(): Network {
  return new Network({ confDir, binDirs: [binDir, ...defaultBinDirs], database, reaper, log: silentLogger })
}

function newPod(more: Partial<AttachRequest> = {}): AttachRequest {
  const sandboxId = newId()
  const netnsPath = join(folder, sandboxId)
  pinNamespaces({ net: netnsPath }, bringUpLoopback)
  pinned.push(netnsPath)
  return { sandboxId, netnsPath, podNamespace: 'default', podName: 'web', podUid: 'u-1', ...more }
}

async function run(file: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(reaper, { file, args })
  assert.equal(exitCode, 0, `${file} ${args.join(' ')}: ${stderr}`)
  return stdout.toString()
}

const inside = (netnsPath: string, file: string, ...args: string[]) =>
  run('/usr/bin/nsenter', `--net=${netnsPath}`, file, ...args)

const leases = () => readdirSync(join(addresses, network)).filter((name) => name.startsWith(subnet))
const veths = async () => JSON.parse(await run('/usr/sbin/ip', '-j', 'link', 'show', 'master', bridge)).length
const rulesFor = async (text: string) =>
  (await run('/usr/sbin/iptables-save', '-t', 'nat')).split('\n').filter((line) => line.includes(text))

async function assertNothingLeft(): Promise<void> {
  assert.deepEqual(leases(), [])
  assert.equal(await veths(), 0)
  assert.deepEqual(await rulesFor(subnet), [])
  assert.deepEqual(await rulesFor(network), [])
  assert.deepEqual(newNetwork().attachments(), [])
}

after(async () => {
  const network = newNetwork()
  for (const { sandboxId } of network.attachments()) await network.detach(sandboxId).catch(() => {})
  for (const path of pinned) unmount(path)
  await runCommand(reaper, { file: '/usr/sbin/ip', args: ['link', 'delete', bridge] })
  writeFileSync('/proc/sys/net/ipv4/ip_forward', forwarding)
  rmSync(folder, { recursive: true })
  await assertAsBefore(before, ignored)
})

test('a pod gets an address, a way out and its host port; detached, all of it is gone', async () => {
  configure(bridgePlugin, portmapPlugin)
  const hostPort = randomInt(20_000, 30_000)
  const pod = newPod({ hostPorts: [{ protocol: 'tcp', containerPort: 8080, hostPort, hostIp: '127.0.0.1' }] })
  const { ips, result } = await newNetwork().attach(pod)
  assert.equal(ips.length, 1)
  const ip = String(ips[0])
  assert.ok(ip.startsWith(`${subnet}.`))
  assert.equal(result.cniVersion, '1.0.0')
  assert.deepEqual(leases(), [ip])

  const links = JSON.parse(await inside(pod.netnsPath, '/usr/sbin/ip', '-j', 'address'))
  const addressesOf = (name: string) =>
    links
      .find((link: { ifname: string }) => link.ifname === name)
      .addr_info.filter((each: { family: string }) => each.family === 'inet')
      .map((each: { local: string }) => each.local)
  assert.deepEqual(addressesOf('eth0'), [ip])
  assert.match(await inside(pod.netnsPath, '/usr/sbin/ip', 'route'), new RegExp(`default via ${subnet}\\.1 dev eth0`))

  const stop = new AbortController()
  const server = `require('http').createServer((_, answer) => answer.end('from the pod')).listen(8080)`
  const args = [`--net=${pod.netnsPath}`, process.execPath, '-e', server]
  const serving = runCommand(reaper, { file: '/usr/bin/nsenter', args, signal: stop.signal })
  try {
    await eventually('the pod answers', () => fetchText(ip, 8080).catch(() => undefined))
    assert.equal(await fetchText(ip, 8080), 'from the pod')
    assert.equal(await fetchText('127.0.0.1', hostPort), 'from the pod')
  } finally {
    stop.abort()
    await serving
  }

  const restarted = newNetwork()
  assert.deepEqual(
    restarted.attachments().map(({ stage, attachment }) => [stage, attachment?.ips]),
    [['attached', [ip]]],
  )
  await restarted.detach(pod.sandboxId)
  assert.equal(JSON.parse(await inside(pod.netnsPath, '/usr/sbin/ip', '-j', 'link')).length, 1)
  assert.deepEqual(await rulesFor(String(hostPort)), [])
  await assertNothingLeft()
})

test('pods attached at the same time get different addresses', async () => {
  configure(bridgePlugin, portmapPlugin)
  const network = newNetwork()
  const pods = Array.from({ length: 6 }, () => newPod())
  const attachments = await Promise.all(pods.map((pod) => network.attach(pod)))
  assert.equal(new Set(attachments.flatMap(({ ips }) => ips)).size, 6)
  assert.equal(await veths(), 6)
  await Promise.all(pods.map(({ sandboxId }) => network.detach(sandboxId)))
  await assertNothingLeft()
})

test('after a reboot, with the namespace gone, the address and the host port are released', async () => {
  // The bridge plugin (1.1) finds its masquerading rules by the address inside the namespace: without it they stay. A
  // reboot takes them too; here there would be nobody to do it.
  configure({ ...bridgePlugin, ipMasq: false }, portmapPlugin)
  const hostPort = randomInt(20_000, 30_000)
  const pod = newPod({ hostPorts: [{ protocol: 'tcp', containerPort: 80, hostPort }] })
  await newNetwork().attach(pod)
  assert.notDeepEqual(await rulesFor(String(hostPort)), [])
  unmount(pod.netnsPath)
  await eventually('the kernel has taken the veth away', async () => ((await veths()) === 0 ? true : undefined))
  assert.equal(leases().length, 1)
  await newNetwork().detach(pod.sandboxId)
  assert.deepEqual(await rulesFor(String(hostPort)), [])
  await assertNothingLeft()
})

test('a plugin that fails last leaves nothing of those before it', async () => {
  writeFileSync(join(binDir, 'refuser'), '#!/bin/sh\n[ "$CNI_COMMAND" = DEL ] || { echo "not today" >&2; exit 1; }\n', {
    mode: 0o755,
  })
  configure(bridgePlugin, portmapPlugin, { type: 'refuser' })
  const network = newNetwork()
  const pod = newPod({ hostPorts: [{ protocol: 'tcp', containerPort: 80, hostPort: randomInt(20_000, 30_000) }] })
  await assert.rejects(network.attach(pod), /"refuser" \(ADD .*not today/)
  await assertNothingLeft()
})

test('addresses that have run out: the plugin says so, and nothing is left', async () => {
  const tiny = {
    ...bridgePlugin.ipam,
    ranges: [[{ subnet: `${subnet}.0/24`, rangeStart: `${subnet}.9`, rangeEnd: `${subnet}.9` }]],
  }
  configure({ ...bridgePlugin, ipam: tiny })
  const network = newNetwork()
  const [first, second] = [newPod(), newPod()]
  await network.attach(first)
  await assert.rejects(network.attach(second), /"bridge" .*no IP addresses available/)
  assert.equal(leases().length, 1)
  await network.detach(first.sandboxId)
  await assertNothingLeft()
})

function fetchText(host: string, port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const asking = request({ host, port, timeout: 2000 }, async (answer) => {
    resolve((await answer.setEncoding('utf8').toArray()).join(''))
  })
  asking.on('timeout', () => asking.destroy(new Error('no answer in 2 s')))
  asking.on('error', reject)
  asking.end()
  return promise
}
