import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ContainerState, PodSandboxState } from '../client/index.ts'
import { AgentSetup, podManifest } from './testing/agent-setup.ts'

const starts = (calls: readonly string[]) => calls.filter((call) => call.startsWith('StartContainer'))

test('a manifest that appears becomes a pod, one that changes another one, one that vanishes none', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  const [first] = set.runtime.sandboxes
  assert.deepEqual(set.newCalls(), ['RunPodSandbox web', 'CreateContainer main', 'StartContainer main'])
  assert.equal(set.agent.statuses()[0]?.state, 'Running')

  set.write('web.yaml', podManifest({ containers: [{ name: 'main', image: 'app:2' }] }))
  await set.until(
    'another runs',
    () => set.runtime.sandboxes.some(({ id }) => id !== first?.id) && set.running().length === 1,
  )
  assert.deepEqual(set.newCalls(), [
    'StopContainer main 30',
    'StopPodSandbox web',
    'RemovePodSandbox web',
    'RunPodSandbox web',
    'CreateContainer main',
    'StartContainer main',
  ])
  assert.notEqual(set.runtime.sandboxes[0]?.config.metadata?.uid, first?.config.metadata?.uid)

  set.remove('web.yaml')
  await set.until('nothing is left', () => set.runtime.sandboxes.length === 0)
  await set.until('the agent knows', () => set.agent.statuses().length === 0)
})

test('only the layout of a manifest changes: nothing happens', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  set.newCalls()
  const { apiVersion, kind, metadata, spec } = podManifest() as Record<string, unknown>
  set.write('other-name.yaml', { spec, metadata, kind, apiVersion })
  set.remove('web.yaml')
  await set.settled()
  assert.deepEqual(set.newCalls(), [])
})

test('init containers run one after another, sidecars before the next; an end stops them last, in reverse', async () => {
  await using set = await AgentSetup.start()
  set.runtime.exitCodes.set('first', 0).set('second', 0)
  const initContainers = [
    { name: 'first', image: 'i:1' },
    { name: 'proxy', image: 'i:1', restartPolicy: 'Always' },
    { name: 'second', image: 'i:1' },
    { name: 'shipper', image: 'i:1', restartPolicy: 'Always' },
  ]
  set.write('web.yaml', podManifest({ initContainers }))
  await set.until('all run', () => set.running().length === 3)
  assert.deepEqual(
    starts(set.newCalls()),
    ['first', 'proxy', 'second', 'shipper', 'main'].map((name) => `StartContainer ${name}`),
  )
  await set.end('proxy', 1)
  assert.deepEqual(starts(set.newCalls()), ['StartContainer proxy'])
  set.remove('web.yaml')
  await set.until('it is gone', () => set.runtime.sandboxes.length === 0)
  assert.deepEqual(
    set.newCalls().filter((call) => call.startsWith('StopContainer')),
    ['StopContainer main 30', 'StopContainer shipper 30', 'StopContainer proxy 30'],
  )
})

test('a container that ends is started at once, then after 10 s, 20 s and so on; who ran long starts anew', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  await set.end('main', 1)
  assert.deepEqual(set.running(), ['main'], 'at once')
  const logs = join(set.runtime.sandboxes[0]?.config.logDirectory ?? '', 'main')
  mkdirSync(logs, { recursive: true })
  const writeLogs = () => {
    const attempt = set.runtime.containers.at(-1)?.config.metadata?.attempt
    for (const suffix of ['', '.20260102-000000.gz']) writeFileSync(join(logs, `${attempt}.log${suffix}`), '')
  }
  for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
    await set.end('main', 0)
    assert.equal(set.agent.statuses()[0]?.state, 'CrashLoopBackOff')
    await set.pass(seconds * 1000 - 1)
    assert.deepEqual(set.running(), [], `not before ${seconds} s`)
    await set.pass(1)
    assert.deepEqual(set.running(), ['main'], `after ${seconds} s`)
    writeLogs()
  }
  await set.pass(600_000)
  await set.end('main', 0)
  await set.pass(300_000)
  assert.deepEqual(set.running(), ['main'])
  writeLogs()
  await set.end('main', 0)
  await set.pass(10_000)
  assert.deepEqual(set.running(), ['main'], 'ten minutes are forgiven')
  writeFileSync(join(logs, '10.log'), '')
  assert.equal(set.agent.statuses()[0]?.restarts, 10)
  // The newest and the one before it tell what happened; of the others nothing is left.
  assert.equal(set.runtime.containers.length, 2)
  assert.deepEqual(readdirSync(logs).toSorted(), ['10.log', '9.log', '9.log.20260102-000000.gz'])
})

test('restart policies: OnFailure until it succeeds, Never not at all', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest({ restartPolicy: 'OnFailure' }))
  await set.until('it runs', () => set.running().includes('main'))
  await set.end('main', 1)
  assert.deepEqual(set.running(), ['main'])
  await set.end('main', 0)
  assert.deepEqual(set.running(), [])
  assert.equal(set.agent.statuses()[0]?.state, 'Completed')
  assert.equal(set.runtime.sandboxes[0]?.state, PodSandboxState.SANDBOX_NOTREADY, 'its network is given back')

  set.write('web.yaml', podManifest({ restartPolicy: 'Never', terminationGracePeriodSeconds: 5 }))
  await set.until('the next runs', () => set.running().includes('main'))
  await set.end('main', 7)
  assert.equal(set.agent.statuses()[0]?.state, 'Error')
  set.newCalls()
  await set.pass(1_000_000)
  assert.deepEqual(set.newCalls(), [])
  await set.stopAgent()
  set.startAgent()
  await set.until('a new agent knows', () => set.agent.statuses()[0]?.state === 'Error')
  assert.deepEqual(set.newCalls(), [])
})

test('a failed init container is tried again; with Never the pod has failed', async () => {
  await using set = await AgentSetup.start()
  set.runtime.exitCodes.set('first', 3)
  const initContainers = [{ name: 'first', image: 'i:1' }]
  set.write('web.yaml', podManifest({ initContainers }))
  await set.until('it failed twice', () => set.runtime.containers.length === 2)
  assert.equal(set.agent.statuses()[0]?.state, 'Init:CrashLoopBackOff')
  assert.equal(set.agent.statuses()[0]?.restarts, 1)
  assert.match(set.agent.statuses()[0]?.message ?? '', /^first ended with exit code 3 \(Error\)$/)
  set.runtime.exitCodes.set('first', 0)
  await set.pass(10_000)
  assert.deepEqual(set.running(), ['main'])

  set.runtime.exitCodes.set('first', 3)
  set.write('web.yaml', podManifest({ initContainers, restartPolicy: 'Never' }))
  await set.until('it failed', () => set.agent.statuses()[0]?.state === 'Error')
  assert.deepEqual(set.running(), [])
})

test('an agent that is killed and started again loses nothing and doubles nothing', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  await set.end('main', 1)
  await set.end('main', 1)
  await set.stopAgent()
  set.newCalls()
  set.startAgent()
  await set.until('the back-off goes on', () => set.agent.statuses()[0]?.state === 'CrashLoopBackOff')
  await set.pass(9_999)
  assert.deepEqual(set.newCalls(), [])
  await set.pass(1)
  assert.deepEqual(starts(set.newCalls()), ['StartContainer main'])

  // Killed between two calls: what is made is used.
  await set.stopAgent()
  set.runtime.containers.splice(0)
  set.startAgent()
  await set.until('its container is there again', () => set.running().length === 1)
  assert.equal(set.runtime.sandboxes.length, 1)

  // Removed while no agent was there.
  await set.stopAgent()
  set.remove('web.yaml')
  set.startAgent()
  await set.until('it is gone', () => set.runtime.sandboxes.length === 0)
})

test('an agent may be ended at any moment: the next one goes on from there', async () => {
  await using set = await AgentSetup.start()
  set.runtime.exitCodes.set('first', 0)
  const spec = (image: string) =>
    podManifest({
      initContainers: [
        { name: 'first', image },
        { name: 'proxy', image, restartPolicy: 'Always' },
      ],
      containers: [{ name: 'main', image }],
    })
  for (let round = 0; round < 40; round++) {
    set.write('web.yaml', spec(`app:${Math.floor(round / 8)}`))
    // From before its first call to well after its last one.
    const calls = set.runtime.calls.length
    for (let turn = 0; turn < round * 20 && set.runtime.calls.length < calls + (round % 8); turn++) await setImmediate()
    await set.stopAgent()
    set.startAgent()
  }
  await set.until('all runs', () => set.agent.statuses()[0]?.ready === 2)
  assert.deepEqual(set.running(), ['main', 'proxy'])
  assert.equal(set.runtime.sandboxes.length, 1)
  const images = new Set(set.runtime.containers.map(({ config }) => config.image?.userSpecifiedImage))
  assert.deepEqual([...images], ['app:4'])
  assert.equal(readdirSync(set.volumes).length, 1)
})

test('a container that was made but not started is started', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  await set.stopAgent()
  for (const container of set.runtime.containers) container.state = ContainerState.CONTAINER_CREATED
  set.newCalls()
  set.startAgent()
  await set.until('it runs again', () => set.running().includes('main'))
  assert.deepEqual(set.newCalls(), ['StartContainer main'])
})

test('a container that cannot be started is removed, and tried again later', async () => {
  await using set = await AgentSetup.start({
    runtime: {
      startContainer: () => {
        throw Object.assign(new Error('no'), { code: 2, details: 'the image has no program "/nope" to pull up' })
      },
    },
  })
  set.write('web.yaml', podManifest())
  await set.until('it cannot be started', () => set.agent.statuses()[0]?.state === 'StartError')
  assert.equal(set.runtime.containers.length, 0, 'what cannot be started is not kept')
})

test('a sandbox that ended is replaced by the next attempt, and its remains go', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  const [old] = set.runtime.sandboxes
  assert.ok(old)
  old.state = PodSandboxState.SANDBOX_NOTREADY
  set.runtime.end('main', 137)
  await set.pass(9_999)
  assert.equal(set.runtime.sandboxes.length, 1, 'not at once, as the last did not last')
  await set.pass(1)
  assert.deepEqual(set.running(), ['main'])
  assert.deepEqual(
    set.runtime.sandboxes.map(({ config }) => config.metadata?.attempt),
    [1],
  )
})

test('a file that cannot be read any more changes nothing, and is told', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  set.newCalls()
  writeFileSync(join(set.manifests, 'web.yaml'), 'kind: Pod\n  bad: [')
  set.agent.rescan()
  await set.until('it is told', () => set.notes.some((note) => /^web\.yaml: .*stays as it is$/s.test(note)))
  await set.stopAgent()
  set.startAgent()
  await set.until('a new agent has looked', () => set.agent.statuses().length === 1)
  assert.deepEqual([set.newCalls(), set.running()], [[], ['main']])
})

test('other pods than its own are no business of the agent', async () => {
  await using set = await AgentSetup.start()
  await set.stopAgent()
  set.write('web.yaml', podManifest())
  set.startAgent()
  await set.until('it runs', () => set.running().includes('main'))
  for (const sandbox of set.runtime.sandboxes) delete sandbox.config.labels['io.berth.agent']
  set.remove('web.yaml')
  await set.pass(30_000)
  assert.equal(set.runtime.sandboxes.length, 1)
})

test('an image that cannot be pulled is tried again, and said', async () => {
  let broken = true
  const overrides = {
    image: {
      imageStatus: () => (broken ? {} : { image: { id: 'sha256:1' } }),
      pullImage: () => {
        if (broken)
          throw Object.assign(new Error('no such image'), { code: 5, details: 'pull of app:1: no such image' })
        return { imageRef: 'sha256:1' }
      },
    },
  }
  await using set = await AgentSetup.start(overrides)
  set.write('web.yaml', podManifest())
  await set.until('it waits', () => set.agent.statuses()[0]?.state === 'ImagePullBackOff')
  assert.match(set.agent.statuses()[0]?.message ?? '', /^main: pull of app:1: no such image$/)
  broken = false
  await set.pass(10_000)
  assert.deepEqual(set.running(), ['main'])
})

test('a pull that fails though the image is there says which policy would use it', async () => {
  const overrides = {
    image: {
      imageStatus: () => ({ image: { id: 'sha256:1' } }),
      pullImage: () => {
        throw Object.assign(new Error('no'), { code: 2, details: 'the registry refuses the connection' })
      },
    },
  }
  await using set = await AgentSetup.start(overrides)
  set.write('web.yaml', podManifest({ containers: [{ name: 'main', image: 'localhost/app:latest' }] }))
  await set.until('it waits', () => set.agent.statuses()[0]?.state === 'ImagePullBackOff')
  const words = /^main: the registry refuses the connection; the image is on this node already: .*IfNotPresent/
  assert.match(set.agent.statuses()[0]?.message ?? '', words)
})

test('activeDeadlineSeconds ends a pod for good', async () => {
  await using set = await AgentSetup.start()
  set.write('web.yaml', podManifest({ activeDeadlineSeconds: 60, restartPolicy: 'Never' }))
  await set.until('it runs', () => set.running().includes('main'))
  await set.pass(59_000)
  assert.deepEqual(set.running(), ['main'])
  await set.pass(1000)
  assert.deepEqual(set.running(), [])
})

test('files of ConfigMaps and Secrets: from manifests and folders, in memory, brought up to date, removed with the pod', async () => {
  await using set = await AgentSetup.start()
  const config = (colour: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c' },
    data: { colour },
  })
  const volumes = [
    { name: 'conf', configMap: { name: 'c' } },
    { name: 'keys', secret: { secretName: 's', defaultMode: 0o400 } },
    { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
  ]
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }))
  mkdirSync(join(set.manifests, 'secrets/s'), { recursive: true })
  writeFileSync(join(set.manifests, 'secrets/s/token'), 'abc')
  set.write('config.yaml', config('red'))
  set.write('web.yaml', podManifest({ volumes, containers: [{ name: 'main', image: 'app:1', volumeMounts }] }))
  await set.until('it runs', () => set.running().includes('main'))
  const [uid = ''] = readdirSync(set.volumes)
  const at = (path: string) => join(set.volumes, uid, path)
  assert.deepEqual([readFileSync(at('conf/colour'), 'utf8'), readFileSync(at('keys/token'), 'utf8')], ['red', 'abc'])
  assert.deepEqual(set.mounted, [at('conf'), at('keys'), at('scratch')])
  const mounts = set.runtime.containers[0]?.config.mounts.map(({ containerPath, readonly }) => [
    containerPath,
    readonly,
  ])
  assert.deepEqual(mounts, [
    ['/conf', true],
    ['/keys', true],
    ['/scratch', false],
    ['/dev/termination-log', false],
  ])
  set.newCalls()
  set.write('config.yaml', config('blue'))
  await set.until('it is up to date', () => {
    set.agent.worker('default', 'web')?.poke()
    return readFileSync(at('conf/colour'), 'utf8') === 'blue'
  })
  assert.deepEqual(set.newCalls(), [], 'nothing was restarted')
  set.remove('web.yaml')
  await set.until('it is gone', () => set.runtime.sandboxes.length === 0)
  assert.ok(!existsSync(join(set.volumes, uid)))
  assert.deepEqual(set.unmounted, [join(set.volumes, uid)])
})

test('what a container says at its end is told, from its file or, if so ordered, from its log', async () => {
  await using set = await AgentSetup.start()
  const spec = (more: object) =>
    podManifest({ restartPolicy: 'Never', containers: [{ name: 'main', image: 'app:1', ...more }] })
  set.write('web.yaml', spec({}))
  await set.until('it runs', () => set.running().includes('main'))
  const message = set.runtime.containers[0]?.config.mounts[0]?.hostPath ?? ''
  writeFileSync(message, 'the disk is full\n')
  await set.end('main', 2)
  assert.equal(set.agent.statuses()[0]?.message, 'main ended with exit code 2 (Error: the disk is full)')

  set.write('web.yaml', spec({ terminationMessagePolicy: 'FallbackToLogsOnError' }))
  await set.until('the next runs', () => set.running().includes('main'))
  const log = join(set.runtime.sandboxes[0]?.config.logDirectory ?? '', 'main/0.log')
  mkdirSync(join(log, '..'), { recursive: true })
  writeFileSync(log, '2026-01-02T00:00:00.000000000Z stderr F no database\n')
  await set.end('main', 2)
  assert.equal(set.agent.statuses()[0]?.message, 'main ended with exit code 2 (Error: no database)')
})
