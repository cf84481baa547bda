import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema, LinuxContainerResourcesSchema, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { ContainerState, Event, type SynchronizeRequest } from '../gen/nri_pb.ts'
import { silentLogger } from '../lib/log.ts'
import { Reaper } from '../linux/reaper.ts'
import type { HostFacts } from '../oci/host-facts.ts'
import type { Spec } from '../oci/runtime-spec.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { Nri, type NriSettings } from './nri.ts'
import type { NriHost } from './port.ts'
import { type Script, ScriptedPlugin } from './scripted-plugin.ts'

const pod: SandboxRecord = {
  id: 'pod',
  config: create(PodSandboxConfigSchema, {
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    labels: { a: 'b' },
  }),
  fingerprint: '',
  runtimeHandler: '',
  createdAt: 1n,
  shim: '0',
  ips: ['10.0.0.2'],
  state: { phase: 'ready' },
}
const container = (id: string, state: ContainerRecord['state'] = { phase: 'created' }): ContainerRecord => ({
  id,
  sandboxId: 'pod',
  config: create(ContainerConfigSchema, { metadata: { name: `name-of-${id}` } }),
  fingerprint: '',
  imageId: 'sha256:1',
  createdAt: 2n,
  logPath: '',
  cgroup: '/c',
  stopSignal: 'SIGTERM',
  user: { uid: 0, gid: 0, groups: [] },
  state,
})
const spec: Spec = {
  ociVersion: '1.0.2',
  root: { path: '/' },
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], env: [], cwd: '/' },
  mounts: [],
  linux: { namespaces: [], cgroupsPath: '/c', resources: {} },
}
const host = { cgroupVersion: 2, swapLimit: true, hugetlb: true, seccomp: true } as HostFacts

/** NRI over a socket of its own, with what it did to containers. */
async function start(t: TestContext, settings: Partial<NriSettings> = {}, containers: ContainerRecord[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-nri-'))
  const reaper = new Reaper({ adopt: false })
  const all: NriSettings = {
    version: '1.2.3',
    registrationTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    socket: join(folder, 'nri.sock'),
    externalPlugins: true,
    pluginDir: join(folder, 'plugins'),
    pluginConfigDir: join(folder, 'conf.d'),
    cdiDirs: [],
    ...settings,
  }
  const nri = new Nri(all, reaper, silentLogger)
  const done: string[] = []
  const records = new Map(containers.map((record) => [record.id, record]))
  const nriHost: NriHost = {
    sandboxes: () => [pod],
    containers: () => records.values(),
    container: (id) => records.get(id),
    sandbox: (id) => (id === pod.id ? pod : undefined),
    namespaces: () => [{ type: 'network', path: '/net' }],
    spec: () => spec,
    imageDigest: () => 'sha256:2',
    update: async (id, { cpuShares }) => {
      if (cpuShares === 13n) throw new Error('unlucky')
      done.push(`update ${id} ${cpuShares}`)
    },
    evict: async (id) => void done.push(`evict ${id}`),
  }
  await nri.start(nriHost)
  t.after(async () => {
    await nri.close()
    reaper[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  const plugin = async (name: string, script: Script = {}) => {
    const connected = await ScriptedPlugin.connect(all.socket, name, script)
    t.after(() => connected[Symbol.dispose]())
    // The turn in which it was synchronized is over after this.
    await nri.updateSandbox(pod, {})
    return connected
  }
  return { nri, plugin, done, records, socket: all.socket }
}
const adjustEnv = (key: string) => ({ CreateContainer: () => ({ adjust: { env: [{ key, value: '1' }] } }) })

test('without plugins a container is as it was planned', async (t) => {
  const { nri } = await start(t)
  assert.equal(await nri.createContainer(container('c'), spec, host), spec)
  await nri.runSandbox(pod)
})

test('a plugin is told what there is, and then what happens, in order', async (t) => {
  const running = container('old', { phase: 'running', pid: 42, startedAt: 3n })
  const { nri, plugin } = await start(t, {}, [running, container('over', exited)])
  const seen = await plugin('00-a')
  const sync = (await seen.called('Synchronize')).request as unknown as SynchronizeRequest
  assert.deepEqual([sync.pods[0]?.id, sync.pods[0]?.labels.a, sync.pods[0]?.ips], ['pod', 'b', ['10.0.0.2']])
  assert.deepEqual(
    sync.pods[0]?.linux?.namespaces.map(({ type, path }) => [type, path]),
    [['network', '/net']],
  )
  assert.deepEqual(
    sync.containers.map(({ id, pid, state }) => [id, pid, state]),
    [['old', 42, ContainerState.CONTAINER_RUNNING]],
  )

  await nri.runSandbox(pod)
  const record = container('c')
  await nri.createContainer(record, spec, host)
  nri.containerCreated(record)
  await nri.startContainer(record)
  nri.containerStarted(record)
  nri.containerEnded(record)
  nri.containerRemoved(container('c', exited))
  await nri.stopSandbox(pod)
  await nri.stopSandbox(pod)
  nri.sandboxRemoved(pod)
  await seen.called('RemovePodSandbox')
  const methods = seen.seen.map(({ method }) => method)
  const lifecycle =
    'RunPodSandbox CreateContainer ValidateContainerAdjustment PostCreateContainer StartContainer PostStartContainer StopContainer RemoveContainer StopPodSandbox RemovePodSandbox'
  assert.equal(methods.slice(methods.indexOf('RunPodSandbox')).join(' '), lifecycle)
  const created = (await seen.called('CreateContainer')).request.container
  assert.deepEqual([created?.name, created?.args, created?.image?.digest], ['name-of-c', ['sh'], 'sha256:2'])
})
const exited: ContainerRecord['state'] = {
  phase: 'exited',
  startedAt: 1n,
  finishedAt: 2n,
  exitCode: 0,
  reason: 'Completed',
  message: '',
}

test('plugins are asked by index, whoever came first; each sees what those before it want', async (t) => {
  const { nri, plugin } = await start(t)
  const late = await plugin('90-late', adjustEnv('LATE'))
  await plugin('10-early', adjustEnv('EARLY'))
  const adjusted = await nri.createContainer(container('c'), spec, host)
  assert.deepEqual(adjusted.process.env, ['EARLY=1', 'LATE=1'])
  assert.deepEqual((await late.called('CreateContainer')).request.container?.env, ['EARLY=1'])
})

test('a conflict and a refusal fail the container; what nobody can refuse goes on', async (t) => {
  const { nri, plugin } = await start(t)
  const no = () => {
    throw new Error('no')
  }
  await plugin('10-a', adjustEnv('X'))
  const other = await plugin('20-b', { ...adjustEnv('X'), StartContainer: no, StopPodSandbox: no })
  await assert.rejects(nri.createContainer(container('c'), spec, host), /"20-b" and "10-a" both tried to set Env X/)
  await assert.rejects(nri.startContainer(container('c')), /"20-b" refused StartContainer: no/)
  await nri.stopSandbox(pod)
  assert.equal(other.calls('StopPodSandbox').length, 1)
})

test('a plugin that hangs is disconnected, and nobody waits for it again', { timeout: 30_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { nri, plugin } = await start(t, { requestTimeoutMs: 700 })
  const hangs = await plugin('10-hangs', { CreateContainer: () => new Promise(() => {}) })
  await plugin('20-works', adjustEnv('X'))
  const both = Promise.all([1, 2].map((n) => nri.createContainer(container(`c${n}`), spec, host)))
  await hangs.called('CreateContainer')
  t.mock.timers.tick(700)
  const [first, second] = await both
  assert.deepEqual([first?.process.env, second?.process.env], [['X=1'], ['X=1']])
  await hangs.ended
  assert.equal(hangs.calls('CreateContainer').length, 1)
})

test('a plugin that dies in the middle of a call is left out', async (t) => {
  const { nri, plugin } = await start(t)
  const dies: ScriptedPlugin = await plugin('10-dies', { CreateContainer: () => dies[Symbol.dispose]() })
  assert.deepEqual((await nri.createContainer(container('c'), spec, host)).process.env, [])
})

test('garbage, silence, and wrong names do not get in', { timeout: 30_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { nri, socket } = await start(t, { registrationTimeoutMs: 100 })
  const closed = (onConnect: (stream: Socket) => void) => {
    const stream = connect(socket, () => onConnect(stream))
    // That the other side does not read on may come as an error, too.
    stream.on('error', () => {})
    return new Promise<void>((resolve) => stream.resume().once('close', () => resolve()))
  }
  const noise = closed((stream) => stream.write('GET / HTTP/1.1\r\n\r\n'))
  const silence = closed(() => {})
  const wrong = new ScriptedPlugin(connect(socket))
  const answer = await wrong.register('1x-name')
  assert.match(answer.kind === 'refused' ? answer.message : '', /two digits/)
  t.mock.timers.tick(100)
  await Promise.all([noise, silence, wrong.ended])
  assert.equal(await nri.createContainer(container('c'), spec, host), spec)
})

test('a container that is made while a plugin comes is not lost on it', async (t) => {
  const { nri, plugin, records, socket } = await start(t)
  const gate = Promise.withResolvers<void>()
  // Announced, not made yet, when the plugin is synchronized.
  records.set('early', container('early', { phase: 'creating' }))
  records.set('unknown', container('unknown', { phase: 'creating' }))
  await nri.createContainer(container('early'), spec, host)
  const coming = ScriptedPlugin.connect(socket, '10-slow', { Synchronize: () => gate.promise, ...adjustEnv('X') })
  const slow = await coming
  t.after(() => slow[Symbol.dispose]())
  const during = nri.createContainer(container('during'), spec, host)
  gate.resolve()
  assert.deepEqual((await during).process.env, ['X=1'])
  const sync = (await slow.called('Synchronize')).request as unknown as SynchronizeRequest
  assert.deepEqual(
    sync.containers.map(({ id }) => id),
    ['early'],
  )
  await plugin('20-other')
})

test('plugins change and stop other containers', async (t) => {
  const running = container('old', { phase: 'running', pid: 42, startedAt: 3n })
  const { nri, plugin, done } = await start(t, {}, [running, container('over', exited)])
  const shares = (containerId: string, value: bigint) => ({
    containerId,
    linux: { resources: { cpu: { shares: { value } } } },
  })
  const first = await plugin('10-a', {
    CreateContainer: () => ({ update: [shares('old', 7n)], evict: [{ containerId: 'old', reason: 'too old' }] }),
    UpdateContainer: ({ container: { id } }: { container: { id: string } }) => ({
      update: [shares(id, 99n), shares('old', 8n)],
    }),
  })
  await nri.createContainer(container('c'), spec, host)
  assert.deepEqual(done.splice(0), ['update old 7', 'evict old'])

  const asked = create(LinuxContainerResourcesSchema, { cpuShares: 5n, cpuQuota: 6n })
  const changed = await nri.updateContainer(container('c'), asked)
  assert.deepEqual([changed.cpuShares, changed.cpuQuota], [99n, 6n])
  assert.deepEqual(done.splice(0), ['update old 8'])

  const answer = await first.updateContainers({
    update: [
      shares('old', 13n),
      shares('over', 1n),
      shares('nobody', 1n),
      { ...shares('old', 13n), ignoreFailure: true },
      shares('old', 9n),
    ],
    evict: [{ containerId: 'old' }],
  })
  assert.deepEqual(answer.kind === 'answered' && answer.value.failed.map(({ containerId }) => containerId), ['old'])
  assert.deepEqual(done, ['update old 9', 'evict old'])
})

test('validators have the last word, and a lost one has not agreed', { timeout: 30_000 }, async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { nri, plugin } = await start(t, { requestTimeoutMs: 700 })
  await plugin('10-a', { Configure: () => ({ events: 1 << (Event.CREATE_CONTAINER - 1) }), ...adjustEnv('X') })
  const events = 1 << (Event.VALIDATE_CONTAINER_ADJUSTMENT - 1)
  const validator = await plugin('90-v', {
    Configure: () => ({ events }),
    ValidateContainerAdjustment: ({ adjust }: { adjust: { env: { key: string }[] } }) =>
      adjust.env[0]?.key === 'X' ? { reject: true, reason: 'no X' } : {},
  })
  await assert.rejects(nri.createContainer(container('c'), spec, host), /"90-v" does not allow .*: no X/)
  assert.equal(validator.calls('CreateContainer').length, 0)
  validator[Symbol.dispose]()
  const hangs = await plugin('91-w', {
    Configure: () => ({ events }),
    ValidateContainerAdjustment: () => new Promise(() => {}),
  })
  const unagreed = nri.createContainer(container('c'), spec, host)
  await hangs.called('ValidateContainerAdjustment')
  t.mock.timers.tick(700)
  await assert.rejects(unagreed, /"91-w" was lost/)
  assert.deepEqual((await nri.createContainer(container('c'), spec, host)).process.env, ['X=1'])
})

test('a plugin of an older API is told by StateChange', async (t) => {
  const { nri, socket } = await start(t)
  const old = await ScriptedPlugin.connect(socket, '10-old', {}, ['RunPodSandbox'])
  t.after(() => old[Symbol.dispose]())
  await nri.runSandbox(pod)
  await nri.runSandbox(pod)
  assert.deepEqual(
    old.calls('StateChange').map(({ request }) => [request.event, request.pod?.id]),
    [
      [Event.RUN_POD_SANDBOX, 'pod'],
      [Event.RUN_POD_SANDBOX, 'pod'],
    ],
  )
})
