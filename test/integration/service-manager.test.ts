import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { DatagramReceiver } from '../harness/datagram-receiver.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'

/** berthd as a service: what it tells the service manager, and how it ends. */
const options = { timeout: 60_000 }

/** Listens as a service manager does, and tells berthd so by its environment. */
function serviceManager(t: TestContext, watchdogMs?: number): DatagramReceiver {
  const folder = mkdtempSync(join(tmpdir(), 'berth-notify-'))
  const manager = new DatagramReceiver(join(folder, 'notify.sock'))
  const environment = {
    NOTIFY_SOCKET: manager.path,
    ...(watchdogMs !== undefined && { WATCHDOG_USEC: String(watchdogMs * 1000) }),
  }
  Object.assign(process.env, environment)
  t.after(() => {
    for (const name of Object.keys(environment)) delete process.env[name]
    manager[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  return manager
}

const saying = (manager: DatagramReceiver, line: string) => manager.lines().filter((each) => each === line).length

test('ready when the API is served, alive as long as it answers, and at its end', options, async (t) => {
  const manager = serviceManager(t, 300)
  const berthd = await Berthd.start(t)
  await eventually('it is ready', () => saying(manager, 'READY=1') === 1 || undefined)
  using client = new PodClient(berthd)
  assert.equal((await client.runtime.version({})).runtimeName, 'berth')
  await eventually('it is alive, again and again', () => saying(manager, 'WATCHDOG=1') >= 3 || undefined)

  // Nobody can connect any more: berthd itself is well, and its API is not.
  const { socket } = berthd.place
  renameSync(socket, `${socket}.away`)
  const silences = () => berthd.log().split('the API does not answer').length - 1
  // A check that was under way may have been answered; they come one after another.
  const seen = silences()
  await eventually('it sees that its API does not answer', () => silences() > seen || undefined)
  const heard = saying(manager, 'WATCHDOG=1')
  const before = silences()
  await eventually('it sees it again', () => silences() > before + 2 || undefined)
  assert.equal(saying(manager, 'WATCHDOG=1'), heard)
  renameSync(`${socket}.away`, socket)
  await eventually('it is alive again', () => saying(manager, 'WATCHDOG=1') > heard || undefined)

  assert.equal(saying(manager, 'STOPPING=1'), 0)
  assert.equal(await berthd.stop(), 0)
  assert.equal(saying(manager, 'STOPPING=1'), 1)
})

test('its end: calls under way are finished, new ones are refused', options, async (t) => {
  const plugins = mkdtempSync(join(tmpdir(), 'berth-plugins-'))
  t.after(() => rmSync(plugins, { recursive: true }))
  const berthd = await Berthd.start(t, { config: { cni: { bin_dirs: [plugins, '/opt/cni/bin', '/usr/lib/cni'] } } })
  const bridge = ['/opt/cni/bin/bridge', '/usr/lib/cni/bridge'].find(existsSync) ?? assert.fail('no bridge plugin')
  const hang = join(plugins, 'hang')
  writeFileSync(hang, '')
  const wait = `if [ "$CNI_COMMAND" = ADD ]; then touch ${plugins}/begun; while [ -e ${hang} ]; do sleep 0.02; done; fi`
  writeFileSync(join(plugins, 'bridge'), `#!/bin/sh\n${wait}\nexec ${bridge}\n`, { mode: 0o755 })

  using client = new PodClient(berthd)
  const underWay = client.runSandbox(client.sandboxConfig('last'))
  await eventually('the plugin hangs', () => existsSync(join(plugins, 'begun')) || undefined)
  const events = client.runtime.getContainerEvents({})
  const eventsEnded = (async () => {
    for await (const _ of events) assert.fail('an event of a pod that is not ready')
  })()
  const eventsSettled = Promise.allSettled([eventsEnded])
  // On the same connection: the stream is open when this is answered.
  await client.runtime.version({})
  const ended = berthd.stop()
  await eventually('it is stopping', () => berthd.log().includes('stopping; pods run on') || undefined)
  using late = new PodClient(berthd)
  await assert.rejects(late.runtime.listPodSandbox({}), { codeName: 'UNAVAILABLE', message: /stopping/ })
  await eventsSettled
  rmSync(hang)
  const pod = await underWay
  assert.equal(await ended, 0)

  await berthd.start()
  client.reconnect()
  const { items } = await client.runtime.listPodSandbox({})
  assert.deepEqual(
    items.map(({ id }) => id),
    [pod],
  )
  await client.removeSandbox(pod)
})

test('the unit that is shipped says what berthd relies on', () => {
  const unit = readFileSync(new URL('../../packaging/berth.service', import.meta.url), 'utf8')
  const settings = [
    'Type=notify',
    "ExecReload=/bin/sh -c 'kill -HUP $MAINPID'",
    'Delegate=yes',
    'KillMode=process',
    'RuntimeDirectoryPreserve=yes',
    'WatchdogSec=30',
  ]
  for (const setting of settings) assert.ok(unit.split('\n').includes(setting), setting)
})
