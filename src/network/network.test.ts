import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { patiently } from '../lib/testing/patiently.ts'
import { BerthError } from '../lib/errors.ts'
import { addressResult, prints, requestFor, ScriptedPlugins } from './scripted-plugins.ts'

const twoPlugins = {
  name: 'pods',
  cniVersion: '1.0.0',
  plugins: [
    { type: 'first', subnet: '10.1.0.0/24' },
    { type: 'second', capabilities: { portMappings: true, dns: false } },
  ],
}

/** Two plugins that work; the second adds an IPv6 address. */
function working(): ScriptedPlugins {
  const plugins = new ScriptedPlugins()
  plugins.configure('10-pods.conflist', twoPlugins)
  plugins.plugin('first', { ADD: prints(addressResult) })
  plugins.plugin('second', {
    ADD: prints({ ...addressResult, ips: [{ address: 'fd00::2/64', interface: 1 }, ...addressResult.ips], mine: 1 }),
  })
  return plugins
}

const failure = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BerthError)
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
  return true
}

test('ADD runs the plugins in order, each with the result of the one before', async () => {
  using plugins = working()
  const network = plugins.network()
  const attachment = await network.attach(
    requestFor('sandbox1', { dns: { servers: ['10.96.0.10'], searches: [], options: [] } }),
  )
  assert.deepEqual(plugins.calls, ['ADD first', 'ADD second'])
  assert.deepEqual(plugins.input('ADD', 'first'), { ...twoPlugins.plugins[0], name: 'pods', cniVersion: '1.0.0' })
  assert.deepEqual(plugins.input('ADD', 'second').prevResult, addressResult)
  assert.deepEqual(plugins.environment('ADD', 'second'), {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'sandbox1',
    CNI_NETNS: '/proc/self/ns/net',
    CNI_IFNAME: 'eth0',
    CNI_PATH: plugins.binDir,
    CNI_ARGS:
      'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=sandbox1;K8S_POD_UID=u-1',
  })
  assert.deepEqual(attachment.ips, ['10.1.0.2', 'fd00::2'])
  assert.equal(attachment.result.mine, 1)
  assert.equal(attachment.network, 'pods')
  assert.deepEqual(
    network.attachments().map(({ sandboxId, stage, attachment }) => ({ sandboxId, stage, ips: attachment?.ips })),
    [{ sandboxId: 'sandbox1', stage: 'attached', ips: ['10.1.0.2', 'fd00::2'] }],
  )
})

test('a plugin gets the capability arguments that it asks for, and no others', async () => {
  using plugins = working()
  const hostPorts = [
    { protocol: 'tcp', containerPort: 80, hostPort: 8080, hostIp: '127.0.0.1' },
    { protocol: 'udp', containerPort: 53, hostPort: 0 },
  ] as const
  const request = requestFor('s', { hostPorts, dns: { servers: ['10.96.0.10'], searches: [], options: [] } })
  const { hostPorts: mapped } = await plugins.network().attach(request)
  assert.equal(plugins.input('ADD', 'first').runtimeConfig, undefined)
  assert.deepEqual(plugins.input('ADD', 'second').runtimeConfig, {
    portMappings: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1' }],
  })
  assert.deepEqual(mapped, [hostPorts[0]])
})

test('DEL runs in reverse, with the result and the arguments of the ADD, after a restart and a changed file too', async () => {
  using plugins = working()
  const hostPorts = [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }] as const
  await plugins.network().attach(requestFor('s', { hostPorts }))
  plugins.configure('10-pods.conflist', { ...twoPlugins, name: 'others', plugins: [{ type: 'first' }] })
  const restarted = plugins.network()
  await restarted.detach('s')
  assert.deepEqual(plugins.calls.slice(2), ['DEL second', 'DEL first'])
  const input = plugins.input('DEL', 'second')
  assert.deepEqual(input.runtimeConfig, { portMappings: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }] })
  assert.equal((input.prevResult as { mine?: number }).mine, 1)
  assert.equal(plugins.input('DEL', 'first').name, 'pods')
  assert.equal(plugins.input('DEL', 'first').subnet, '10.1.0.0/24')
  assert.deepEqual(restarted.attachments(), [])
  await restarted.detach('s')
  assert.equal(plugins.calls.length, 4)
})

test('a failing plugin: its own words, DEL of the whole list in reverse, nothing left', async () => {
  using plugins = working()
  plugins.plugin('second', { ADD: `${prints({ code: 11, msg: 'no more\nports', details: 'all 3 taken' })}\nexit 1` })
  const network = plugins.network()
  await assert.rejects(
    network.attach(requestFor('s')),
    failure(
      'unknown',
      /"second" \(ADD on network "pods", namespace \/proc\/self\/ns\/net\) failed: no more ports; all 3/,
    ),
  )
  assert.deepEqual(plugins.calls, ['ADD first', 'ADD second', 'DEL second', 'DEL first'])
  assert.deepEqual(plugins.input('DEL', 'first').prevResult, addressResult)
  assert.deepEqual(network.attachments(), [])
})

test('a plugin that fails without a CNI error is quoted from its stderr', async () => {
  using plugins = working()
  plugins.plugin('first', { ADD: 'echo "cannot reach\tthe API server" >&2; exit 3' })
  await assert.rejects(
    plugins.network().attach(requestFor('s')),
    failure('unknown', /exit code 3: cannot reach the API server/),
  )
})

const hostile: Record<string, [script: string, message: RegExp]> = {
  huge: ['head -c 3000000 /dev/zero | tr "\\0" " "', /larger than 1048576 bytes/],
  'no JSON': ['echo "hello <b>"', /not valid JSON.*begins "hello/],
  empty: ['true', /it is empty/],
  'a list': ['echo "[]"', /not valid/],
  'wrong types': [prints({ ...addressResult, ips: 'many' }), /ips: /],
  'a bad address': [prints({ ...addressResult, ips: [{ address: '10.1.0.300/24' }] }), /ips\.0\.address: is not an IP/],
  'an address with a zone': [prints({ ...addressResult, ips: [{ address: 'fe80::1%eth0/64' }] }), /ips\.0\.address/],
  'a bad prefix': [prints({ ...addressResult, ips: [{ address: '10.1.0.3/33' }] }), /ips\.0\.address/],
  'a bad DNS server': [prints({ ...addressResult, dns: { nameservers: ['10.0.0.1\nsearch evil'] } }), /nameservers/],
  'too many addresses': [
    prints({ ips: Array.from({ length: 300 }, (_, at) => ({ address: `10.1.${at >> 8}.${at & 255}/16` })) }),
    /ips: /,
  ],
  'too deep': [`head -c 200000 /dev/zero | tr "\\0" "["`, /not valid/],
  'an old version': [prints({ cniVersion: '0.2.0', ip4: { ip: '10.1.0.3/24' } }), /cniVersion "0\.2\.0"/],
}

for (const [name, [script, message]] of Object.entries(hostile)) {
  test(`hostile output is refused and undone: ${name}`, async () => {
    using plugins = working()
    plugins.plugin('first', { ADD: script })
    const network = plugins.network()
    await assert.rejects(network.attach(requestFor('s')), failure('unknown', message))
    assert.deepEqual(plugins.calls, ['ADD first', 'DEL second', 'DEL first'])
    assert.deepEqual(network.attachments(), [])
  })
}

test('a result without an address for the pod is refused and undone', async () => {
  using plugins = working()
  plugins.plugin('second', { ADD: prints({ ...addressResult, ips: [] }) })
  const network = plugins.network()
  await assert.rejects(network.attach(requestFor('s')), failure('failed-precondition', /no address on eth0/))
  assert.deepEqual(network.attachments(), [])
})

test('a hanging plugin is killed at its deadline, with what it started, and undone', async () => {
  using plugins = working()
  plugins.plugin('second', { ADD: `sleep 2.5 && touch ${plugins.root}/survived` })
  const network = plugins.network({ pluginMs: 200 })
  const started = performance.now()
  await assert.rejects(network.attach(requestFor('s')), failure('deadline-exceeded', /did not end within 0\.2 s/))
  assert.ok(performance.now() - started < 2000)
  assert.deepEqual(network.attachments(), [])
  await delay(2600)
  assert.throws(() => rmSync(`${plugins.root}/survived`), /ENOENT/)
})

test('a caller that gives up has everything undone on its own clock', async (t) => {
  using plugins = working()
  plugins.plugin('second', { ADD: 'sleep 5', DEL: 'sleep 0.1' })
  const network = plugins.network()
  const giveUp = new AbortController()
  const attaching = network.attach(requestFor('s'), { signal: giveUp.signal })
  attaching.catch(() => {})
  await t.waitFor(() => assert.equal(plugins.calls.at(-1), 'ADD second'), patiently)
  giveUp.abort()
  await assert.rejects(attaching, failure('cancelled', /gave up/))
  assert.deepEqual(plugins.calls, ['ADD first', 'ADD second', 'DEL second', 'DEL first'])
  assert.deepEqual(network.attachments(), [])
})

test('when the undo fails too, the record stays, and detach can be repeated until it succeeds', async () => {
  using plugins = working()
  plugins.plugin('second', { ADD: 'exit 1' })
  plugins.plugin('first', { ADD: prints(addressResult), DEL: `${prints({ code: 100, msg: 'IPAM is down' })}\nexit 1` })
  const network = plugins.network()
  await assert.rejects(network.attach(requestFor('s')), failure('unknown', /"second"/))
  const [entry] = network.attachments()
  assert.equal(entry?.stage, 'detaching')
  assert.match(entry?.error ?? '', /IPAM is down/)
  const restarted = plugins.network()
  await assert.rejects(restarted.detach('s'), failure('unknown', /"first" \(DEL .*IPAM is down/))
  plugins.plugin('first')
  await restarted.detach('s')
  assert.deepEqual(restarted.attachments(), [])
})

test('the intent is on record before the first plugin runs', async () => {
  using plugins = working()
  plugins.plugin('first', { ADD: `sleep 0.3; ${prints(addressResult)}` })
  const attaching = plugins.network().attach(requestFor('s'))
  await delay(100)
  const afterCrash = plugins.network()
  assert.deepEqual(
    afterCrash.attachments().map(({ sandboxId, stage, network }) => ({ sandboxId, stage, network })),
    [{ sandboxId: 's', stage: 'adding', network: 'pods' }],
  )
  await attaching
})

test('a namespace that is gone gives DEL an empty CNI_NETNS', async () => {
  using plugins = working()
  await plugins.network().attach(requestFor('s'))
  const file = join(plugins.root, 'was-a-namespace')
  writeFileSync(file, '')
  const update = `UPDATE attachments SET body = replace(body, '"/proc/self/ns/net"', '"${file}"')`
  plugins.database.write((connection) => connection.exec(update))
  plugins.plugin('second', { DEL: `${prints({ code: 999, msg: 'open /x: no such file or directory' })}\nexit 1` })
  const restarted = plugins.network()
  await restarted.detach('s')
  assert.equal(plugins.environment('DEL', 'first').CNI_NETNS, '')
  assert.deepEqual(restarted.attachments(), [])
})

const goneTexts: [text: object, gone: boolean][] = [
  [{ code: 3, msg: 'unknown container' }, true],
  [{ code: 999, msg: 'Link not found' }, true],
  [{ code: 999, msg: 'exec: "iptables": executable file not found in $PATH' }, false],
  [{ code: 999, msg: 'open /x: no such file or directory' }, false],
]
for (const [error, gone] of goneTexts) {
  test(`DEL: ${JSON.stringify(error)} is ${gone ? 'no' : 'a'} failure`, async () => {
    using plugins = working()
    const network = plugins.network()
    await network.attach(requestFor('s'))
    plugins.plugin('second', { DEL: `${prints(error)}\nexit 1` })
    const detaching = network.detach('s')
    if (gone) await detaching
    else await assert.rejects(detaching, failure('unknown', /no such file|executable file not found/))
    assert.equal(network.attachments().length, gone ? 0 : 1)
  })
}

test('attaching again answers what there is; two sandboxes attach side by side, calls for one in order', async () => {
  using plugins = working()
  plugins.plugin('first', { ADD: `sleep 0.2; ${prints(addressResult)}` })
  const network = plugins.network()
  const started = performance.now()
  const [a, again] = await Promise.all([
    network.attach(requestFor('a')),
    network.attach(requestFor('a')),
    network.attach(requestFor('b')),
    network.attach(requestFor('c')),
    network.detach('a').then(() => network.attach(requestFor('d'))),
  ])
  assert.deepEqual(a, again)
  assert.ok(performance.now() - started < 1500)
  assert.deepEqual(
    network
      .attachments()
      .map(({ sandboxId }) => sandboxId)
      .sort(),
    ['b', 'c', 'd'],
  )
})

test('requests that could mislead a plugin are refused, and change nothing', async () => {
  using plugins = working()
  const network = plugins.network()
  const bad = [
    requestFor('s', { podName: 'x;K8S_POD_NAMESPACE=kube-system' }),
    requestFor('s', { podNamespace: 'a=b' }),
    requestFor('s', { podUid: 'a\0b' }),
    requestFor('s', { podName: 'x'.repeat(2000) }),
    requestFor('../s'),
    requestFor('s', { hostPorts: [{ protocol: 'tcp', containerPort: 70000, hostPort: 80 }] }),
    requestFor('s', { hostPorts: [{ protocol: 'tcp', containerPort: 80, hostPort: -1 }] }),
    requestFor('s', { hostPorts: [{ protocol: 'tcp', containerPort: 80, hostPort: 80, hostIp: 'me' }] }),
  ]
  for (const request of bad) await assert.rejects(network.attach(request), failure('invalid-argument', /./))
  await assert.rejects(
    network.attach(requestFor('s', { netnsPath: '/nowhere' })),
    failure('failed-precondition', /no network namespace at \/nowhere/),
  )
  assert.deepEqual(plugins.calls, [])
  assert.deepEqual(network.attachments(), [])
})

test('a record that cannot be read is listed, detached as well as can be, and kept aside', async () => {
  using plugins = working()
  await plugins.network().attach(requestFor('s'))
  const update = `UPDATE attachments SET body = '{"stage":"levitating"}'`
  plugins.database.write((connection) => connection.exec(update))
  const restarted = plugins.network()
  assert.deepEqual(
    restarted.attachments().map(({ sandboxId, stage }) => ({ sandboxId, stage })),
    [{ sandboxId: 's', stage: 'unreadable' }],
  )
  await restarted.detach('s')
  assert.deepEqual(plugins.calls.slice(2), ['DEL second', 'DEL first'])
  assert.equal(plugins.environment('DEL', 'first').CNI_CONTAINERID, 's')
  assert.deepEqual(restarted.attachments(), [])
  const [kept] = plugins.database.rows('unreadable')
  assert.match(kept?.body ?? '', /levitating/)
})

test('a configuration dropped later makes the network ready, and one taken away not ready', async () => {
  using plugins = new ScriptedPlugins()
  plugins.plugin('first', { ADD: prints(addressResult) })
  rmSync(plugins.confDir, { recursive: true })
  const network = plugins.network()
  network.start()
  const before = network.ready()
  assert.equal(before.ready, false)
  assert.equal(before.reason, 'NetworkPluginNotReady')
  assert.match(before.message, new RegExp(`no valid CNI network configuration in ${plugins.confDir}.*Install`))
  await assert.rejects(network.attach(requestFor('s')), failure('failed-precondition', /not ready: no valid CNI/))
  plugins.configure('10-pods.conf', { name: 'one', cniVersion: '0.3.1', type: 'first' })
  await eventually(() => network.ready().ready)
  assert.deepEqual(network.ready(), { ready: true, reason: '', message: '', configName: 'one' })
  rmSync(join(plugins.confDir, '10-pods.conf'))
  await eventually(() => !network.ready().ready)
})

test('a change is seen by the next attach even before it is noticed', async () => {
  using plugins = working()
  const network = plugins.network()
  await network.attach(requestFor('a'))
  plugins.configure('05-first.conflist', { ...twoPlugins, name: 'sooner' })
  assert.equal((await network.attach(requestFor('b'))).network, 'sooner')
})

test('the first valid file counts; what is wrong with the others is said', () => {
  using plugins = new ScriptedPlugins()
  plugins.plugin('first')
  plugins.configure('10-a.conflist', '{ half')
  plugins.configure('20-old.conf', { name: 'old', cniVersion: '0.2.0', type: 'first' })
  plugins.configure('30-empty.conflist', { name: 'empty', cniVersion: '1.0.0', plugins: [] })
  mkdirSync(join(plugins.confDir, '40-folder.conf'))
  plugins.configure('50-note.txt', 'not looked at')
  const { message } = plugins.network().ready()
  for (const text of ['10-a.conflist: it is not JSON', '20-old.conf: its cniVersion "0.2.0"', '"plugins" is empty']) {
    assert.ok(message.includes(text), message)
  }
  assert.ok(!message.includes('50-note'))
  plugins.configure('60-good.conflist', { name: 'good', cniVersion: '1.0.0', plugins: [{ type: 'first' }] })
  assert.equal(plugins.network().ready().configName, 'good')
})

test('a plugin that is not installed: not ready, and a message that says where it was looked for', async () => {
  using plugins = working()
  rmSync(join(plugins.binDir, 'second'))
  const network = plugins.network()
  assert.equal(network.ready().ready, false)
  assert.match(network.ready().message, new RegExp(`no executable "second" in ${plugins.binDir}; install`))
  await assert.rejects(network.attach(requestFor('s')), failure('failed-precondition', /"second"/))
  assert.deepEqual(plugins.calls, [])
})

test('STATUS of CNI 1.1 is asked in the background; one that says no makes the network not ready', async () => {
  using plugins = working()
  plugins.configure('10-pods.conflist', { ...twoPlugins, cniVersion: '1.0.0', cniVersions: ['1.1.0', '9.9.9'] })
  plugins.plugin('first', { STATUS: `${prints({ code: 50, msg: 'agent is not up' })}\nexit 1` })
  plugins.plugin('second', { STATUS: `${prints({ code: 4, msg: 'unknown CNI_COMMAND: STATUS' })}\nexit 1` })
  const network = plugins.network({ checkMs: 50 })
  network.start()
  await eventually(() => !network.ready().ready)
  assert.match(network.ready().message, /"first" \(STATUS on network "pods"\) failed: agent is not up/)
  plugins.plugin('first')
  await eventually(() => network.ready().ready)
  assert.equal(plugins.input('STATUS', 'first').cniVersion, '1.1.0')
})

async function eventually(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; !condition(); await delay(10)) {
    if (performance.now() > end) assert.fail(`not within 5 s: ${condition}`)
  }
}
