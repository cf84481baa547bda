import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import type { TomlTable } from 'smol-toml'
import { CriError } from '../../src/client/index.ts'
import type { SynchronizeRequest } from '../../src/gen/nri_pb.ts'
import { type Script, ScriptedPlugin } from '../../src/nri/scripted-plugin.ts'
import { Berthd, repository } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** NRI plugins, external and installed, with real containers. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 120_000 }

async function setting(t: TestContext, nri: TomlTable = {}) {
  // The tests are about what plugins do, not about how fast a busy machine is.
  const patience = { registration_timeout_ms: 30_000, request_timeout_ms: 30_000 }
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { nri: { ...patience, ...nri } },
  })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const connect = async (name: string, script: Script = {}) => {
    const plugin = await ScriptedPlugin.connect(berthd.place.nriSocket, name, script)
    t.after(() => plugin[Symbol.dispose]())
    return plugin
  }
  /** What a command inside a container prints. */
  const output = async (containerId: string, script: string) => {
    const { stdout } = await client.runtime.execSync({ containerId, cmd: ['/bin/sh', '-c', script] })
    return Buffer.from(stdout).toString().trim()
  }
  return { berthd, client, connect, output }
}

const sleeps = 'while :; do sleep 100; done'

test('what a plugin adjusts is so in the container, and in its status', options, async (t) => {
  const { berthd, client, connect, output } = await setting(t)
  const shared = join(berthd.place.folder, 'shared')
  mkdirSync(shared)
  writeFileSync(join(shared, 'file'), 'of the plugin')
  const plugin = await connect('10-adjusts', {
    CreateContainer: () => ({
      adjust: {
        env: [{ key: 'ADJUSTED', value: 'yes' }],
        annotations: { 'example.com/adjusted': 'yes' },
        mounts: [{ destination: '/shared', source: shared, type: 'bind', options: ['rbind', 'ro', 'rprivate'] }],
        rlimits: [{ type: 'RLIMIT_NOFILE', hard: 77n, soft: 66n }],
        linux: {
          resources: { cpu: { shares: { value: 300n } }, memory: { limit: { value: 64n << 20n } } },
          devices: [{ path: '/dev/of-plugin', type: 'c', major: 1n, minor: 3n, fileMode: { value: 0o666 } }],
          oomScoreAdj: { value: 321n },
        },
      },
    }),
  })
  const pod = await client.runSandbox(client.sandboxConfig('adjusted'))
  const id = await client.runContainer(pod, client.containerConfig('main', sleeps))
  assert.equal(await output(id, 'cat /proc/1/environ | tr "\\0" "\\n" | grep ADJUSTED'), 'ADJUSTED=yes')
  assert.equal(
    await output(id, 'cat /shared/file; touch /shared/x 2>/dev/null || echo " and read-only"'),
    'of the plugin and read-only',
  )
  assert.match(await output(id, 'grep "open files" /proc/1/limits'), /66 +77/)
  assert.equal(await output(id, 'cat /proc/1/oom_score_adj'), '321')
  assert.equal(await output(id, 'echo x > /dev/of-plugin && echo written'), 'written')
  const limit = 'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes'
  assert.equal(await output(id, limit), String(64 << 20))
  const { linux } = (await client.status(id)).resources ?? {}
  assert.deepEqual([linux?.cpuShares, linux?.memoryLimitInBytes, linux?.oomScoreAdj], [300n, 64n << 20n, 321n])

  // Later changes start from what the plugin has set.
  const asked = { containerId: id, linux: { cpuShares: 400n } }
  await client.runtime.updateContainerResources(asked)
  assert.equal((await client.status(id)).resources?.linux?.memoryLimitInBytes, 64n << 20n)
  const posted = (await plugin.called('PostUpdateContainer', id)).request.container
  assert.equal(posted?.name, 'main')
  await client.removeSandbox(pod)
  await plugin.called('RemovePodSandbox', pod)
})

test('a plugin changes the limits of a running container, and stops it', options, async (t) => {
  const { client, connect, output } = await setting(t)
  const plugin = await connect('10-updates')
  const pod = await client.runSandbox(client.sandboxConfig('updated'))
  const id = await client.runContainer(pod, client.containerConfig('main', sleeps))
  const update = {
    containerId: id,
    linux: { resources: { cpu: { quota: { value: 30_000n }, period: { value: 100_000n } } } },
  }
  const answer = await plugin.updateContainers({ update: [update] })
  assert.deepEqual(answer.kind === 'answered' && answer.value.failed, [])
  const quota = 'cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us'
  assert.match(await output(id, quota), /^30000/)
  await plugin.updateContainers({ evict: [{ containerId: id, reason: 'of the test' }] })
  assert.equal((await client.status(id)).exitCode, 137)
  const stopped = (await plugin.called('StopContainer', id)).request.container
  assert.equal(stopped?.exitCode, 137)
  await client.removeSandbox(pod)
  assert.equal(plugin.calls('StopContainer', id).length, 1)
})

test('a pod or container that a plugin refuses leaves nothing behind', options, async (t) => {
  const { berthd, client, connect } = await setting(t)
  const clean = berthd.snapshot()
  const refused = { pod: true, container: true }
  const plugin = await connect('10-refuses', {
    RunPodSandbox: () => assert.ok(!refused.pod, 'no pods today'),
    CreateContainer: () => assert.ok(!refused.container, 'no containers today'),
  })
  const config = client.sandboxConfig('refused')
  await assert.rejects(client.runSandbox(config), /"10-refuses" refused RunPodSandbox: no pods today/)
  await plugin.called('RemovePodSandbox')
  await berthd.assertAsAt(clean)
  refused.pod = false
  const pod = await client.runSandbox(config)
  await assert.rejects(client.createContainer(pod, client.containerConfig('main', 'true')), /no containers today/)
  await plugin.called('RemoveContainer')
  assert.deepEqual((await client.runtime.listContainers({})).containers, [])
  await client.removeSandbox(pod)
  await berthd.assertAsAt(clean)
})

test('after berthd was killed, a plugin that comes back hears of what there is', options, async (t) => {
  const { berthd, client, connect, output } = await setting(t)
  const first = await connect('10-returns')
  const pod = await client.runSandbox(client.sandboxConfig('kept'))
  const id = await client.runContainer(pod, client.containerConfig('main', sleeps))
  const created = await client.createContainer(pod, client.containerConfig('created', 'true'))
  await berthd.kill9()
  await first.ended
  await berthd.start()
  client.reconnect()
  const second = await connect('10-returns')
  const sync = (await second.called('Synchronize')).request as unknown as SynchronizeRequest
  assert.deepEqual(
    sync.pods.map(({ id }) => id),
    [pod],
  )
  assert.deepEqual(sync.containers.map((each) => each.id).sort(), [created, id].sort())
  const running = sync.containers.find((each) => each.id === id)
  assert.equal(running?.args[0], '/bin/sh')
  assert.ok((running?.pid ?? 0) > 0)
  assert.equal(await output(id, 'echo alive'), 'alive')
  await client.removeSandbox(pod)
  // Of one that never ran it is said that it is over before it is said to be removed.
  await second.called('RemoveContainer', created)
  assert.equal(second.calls('StopContainer', created).length, 1)
})

test('an installed plugin is there before the first pod, and ends with berthd', options, async (t) => {
  const { berthd, client, output } = await setting(t)
  const { nriPlugins, nriConfigs } = berthd.place
  mkdirSync(nriPlugins, { recursive: true })
  mkdirSync(nriConfigs, { recursive: true })
  const entry = join(repository, 'test/harness/installed-plugin.ts')
  const pidFile = join(berthd.place.folder, 'plugin.pid')
  const script = `#!/bin/sh\necho $$ > ${pidFile}\nexec ${process.execPath} ${entry}\n`
  writeFileSync(join(nriPlugins, '05-installed'), script, { mode: 0o755 })
  writeFileSync(join(nriPlugins, 'README'), 'no plugin')
  writeFileSync(join(nriPlugins, '07-broken'), '#!/no/such/program\n', { mode: 0o755 })
  writeFileSync(join(nriConfigs, 'installed.conf'), 'from its file')
  await berthd.restart()
  client.reconnect()
  const pod = await client.runSandbox(client.sandboxConfig('with-installed'))
  const id = await client.runContainer(pod, client.containerConfig('main', sleeps))
  assert.equal(await output(id, 'tr "\\0" "\\n" < /proc/1/environ | grep INSTALLED'), 'INSTALLED=from its file')
  await client.removeSandbox(pod)
  const pid = readFileSync(pidFile, 'utf8').trim()
  await berthd.stop()
  assert.ok(!existsSync(`/proc/${pid}`))

  // A crash takes it along, too: its connection ends.
  await berthd.start()
  const next = readFileSync(pidFile, 'utf8').trim()
  assert.notEqual(next, pid)
  await berthd.kill9()
  await eventually('the plugin ends', async () => !existsSync(`/proc/${next}`) || undefined)
  await berthd.start()
  client.reconnect()
})

test('a plugin that hangs holds a container up for its time, and no longer', options, async (t) => {
  const { client, connect } = await setting(t, { request_timeout_ms: 500 })
  const plugin = await connect('10-hangs', { CreateContainer: () => new Promise(() => {}) })
  const pod = await client.runSandbox(client.sandboxConfig('held-up'))
  await client.runContainer(pod, client.containerConfig('main', sleeps))
  assert.match(await plugin.ended, /closed/)
  await client.removeSandbox(pod)
})

test('no container is made without a required plugin', options, async (t) => {
  const { client, connect } = await setting(t, { validator: { required_plugins: ['guard'] } })
  const pod = await client.runSandbox(client.sandboxConfig('guarded'))
  const config = client.containerConfig('main', 'true')
  await assert.rejects(client.createContainer(pod, config), (error: CriError) => {
    assert.match(error.message, /requires the NRI plugin guard/)
    return error instanceof CriError
  })
  await connect('50-guard')
  await client.createContainer(pod, config)
  await client.removeSandbox(pod)
})

test('a socket that another runtime serves is left to it', options, async (t) => {
  const { berthd } = await setting(t)
  const other = await Berthd.start(t, { config: { nri: { socket: berthd.place.nriSocket } } })
  assert.match(other.log(), /another container runtime serves NRI at/)
  const plugin = await ScriptedPlugin.connect(berthd.place.nriSocket, '10-still')
  plugin[Symbol.dispose]()
})
