import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { nextAttempt } from '../../agent/attempts.ts'
import { prepareVolumes, removeVolumes } from '../../agent/volume-folders.ts'
import type { Mounts } from '../../agent/volume-mounts.ts'
import { PodSandboxState } from '../../client/index.ts'
import { FakeRuntime } from '../../client/testing/fake-runtime.ts'
import { statusError } from '../../client/testing/serve.ts'
import { readPod } from '../../manifest/pod.ts'
import { berth } from '../testing/berth.ts'

const manifest = (spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'berth-unit-test', uid: 'berth-unit-test' },
  spec: {
    initContainers: [{ name: 'first', image: 'busybox' }],
    containers: [
      { name: 'web', image: 'nginx:1' },
      { name: 'side', image: 'busybox' },
    ],
    ...spec,
  },
})

/** A fake runtime in which init containers end well, and a `run` of a manifest against it. */
async function setUp(overrides: Parameters<typeof FakeRuntime.serve>[0] = {}) {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-run-'))
  const runtime = await FakeRuntime.serve(overrides)
  runtime.exitCodes.set('first', 0)
  const run = async (pod: object = manifest()) => {
    runtime.calls.length = 0
    const path = join(folder.path, 'pod.yaml')
    writeFileSync(path, stringify(pod))
    return berth(runtime.endpoint, ['run', '-f', path])
  }
  return {
    runtime,
    run,
    async [Symbol.asyncDispose]() {
      await runtime[Symbol.asyncDispose]()
      folder.remove()
    },
  }
}

test('a manifest becomes a pod: images, sandbox, init containers, containers', async () => {
  await using set = await setUp()
  const { code, stdout, stderr } = await set.run()
  assert.equal(code, 0, stderr)
  assert.deepEqual(set.runtime.calls, [
    'PullImage busybox',
    'PullImage nginx:1',
    'PullImage busybox',
    'RunPodSandbox berth-unit-test',
    'CreateContainer first',
    'StartContainer first',
    'CreateContainer web',
    'StartContainer web',
    'CreateContainer side',
    'StartContainer side',
  ])
  assert.match(stdout, /^default\/berth-unit-test {3}a10000000000 {3}Ready {3}10\.0\.0\.9$/m)
  assert.match(stdout, /^first {7}b20000000000 {3}Exited \(0, Completed\) {3}0\nweb {9}b3\w+ {3}Running/m)
})

test('a second run changes nothing and shows the same', async () => {
  await using set = await setUp()
  const first = await set.run()
  const second = await set.run()
  assert.deepEqual(set.runtime.calls, [])
  assert.equal(second.stdout, first.stdout)
})

test('a run that was cut short is completed', async () => {
  await using set = await setUp()
  await set.run()
  set.runtime.containers.pop()
  await set.run()
  assert.deepEqual(set.runtime.calls, ['PullImage busybox', 'CreateContainer side', 'StartContainer side'])
})

test('a sandbox that is not ready is replaced by the next attempt', async () => {
  await using set = await setUp()
  await set.run()
  const [old] = set.runtime.sandboxes
  assert.ok(old)
  old.state = PodSandboxState.SANDBOX_NOTREADY
  const { stderr } = await set.run()
  assert.match(stderr, /the sandbox of attempt 0 is not ready/)
  assert.equal(set.runtime.sandboxes.length, 1)
  assert.equal(set.runtime.sandboxes[0]?.config.metadata?.attempt, 1)
  assert.equal(set.runtime.containers.length, 3)
})

test('a failed init container stops the pod there; the next run tries it again', async () => {
  await using set = await setUp()
  set.runtime.exitCodes.set('first', 4)
  const { code, stderr } = await set.run()
  assert.equal(code, 1)
  assert.match(stderr, /init container "first" ended with exit code 4 \(Error\); berth logs b20000000000 shows/)
  const hint =
    /: berth why default\/berth-unit-test \(the pod stays; berth rmp -f default\/berth-unit-test removes it\)\n$/
  assert.match(stderr, hint)
  assert.equal(set.runtime.calls.at(-1), 'StartContainer first')
  set.runtime.exitCodes.set('first', 0)
  assert.equal((await set.run()).code, 0)
  const attempts = set.runtime.containers.map(({ config }) => `${config.metadata?.name} ${config.metadata?.attempt}`)
  assert.deepEqual(attempts, ['first 0', 'first 1', 'web 0', 'side 0'])
})

test('a changed manifest and fields without effect are told', async () => {
  await using set = await setUp()
  await set.run()
  const changed = manifest({
    containers: [{ name: 'web', image: 'nginx:2', livenessProbe: { tcpSocket: { port: 80 } } }],
  })
  const { stderr } = await set.run(changed)
  assert.match(stderr, /only berth agent heeds these fields: spec\.containers\[0\]\.livenessProbe\n/)
  assert.match(stderr, /"web" is of an older manifest; for the new one: berth rmp -f default\/berth-unit-test/)
})

test('a failed pull makes nothing', async () => {
  const pullImage = () => {
    throw statusError('NOT_FOUND', 'no such image: busybox')
  }
  await using set = await setUp({ image: { pullImage } })
  const { code, stderr } = await set.run()
  assert.deepEqual([code, set.runtime.calls], [1, []])
  assert.match(stderr, /no such image: busybox\n$/, 'and no word of a pod that stays')
})

test('policy Never and runAsNonRoot are kept to', async () => {
  await using set = await setUp()
  const only = (container: object) =>
    manifest({ initContainers: [], containers: [{ name: 'a', image: 'x:1', ...container }] })
  assert.match((await set.run(only({ imagePullPolicy: 'Never' }))).stderr, /the image x:1 is not there/)
  assert.match((await set.run(only({ securityContext: { runAsNonRoot: true } }))).stderr, /its image runs as root/)
  assert.equal((await set.run(only({ securityContext: { runAsNonRoot: true, runAsUser: 5 } }))).code, 0)
})

test('a volume, a ConfigMap, a Secret or a key that is not there is told of before anything is made', async () => {
  await using set = await setUp()
  const only = (container: object, spec: object = {}) =>
    manifest({ initContainers: [], containers: [{ name: 'a', image: 'x:1', ...container }], ...spec })
  const env = (optional: boolean) => [
    { name: 'V', valueFrom: { secretKeyRef: { name: 'none', key: 'k', ...(optional && { optional }) } } },
  ]
  for (const [pod, message] of [
    [only({ volumeMounts: [{ name: 'none', mountPath: '/x' }] }), /container "a" mounts the volume "none", which/],
    [only({ env: env(false) }), /there is no Secret "none" in the namespace default/],
    [only({ envFrom: [{ configMapRef: { name: 'none' } }] }), /there is no ConfigMap "none" in the namespace default/],
    [only({}, { volumes: [{ name: 'v', configMap: { name: 'none' } }] }), /there is no ConfigMap "none"/],
  ] as const) {
    const { code, stderr } = await set.run(pod)
    assert.match(stderr, message)
    assert.deepEqual([code, set.runtime.calls], [1, []])
  }
  assert.equal((await set.run(only({ env: env(true) }))).code, 0)
})

test('files that hold no pod', async () => {
  await using runtime = await FakeRuntime.serve()
  assert.match(
    (await berth(runtime.endpoint, ['run', '-f', '/no/such.yaml'])).stderr,
    /there is no file \/no\/such.yaml\n$/,
  )
  assert.match((await berth(runtime.endpoint, ['run', '-f', '/'])).stderr, /\/ is a folder/)
  assert.match((await berth(runtime.endpoint, ['run', 'pod.yaml'])).stderr, /: berth run -f pod\.yaml$/m)
  assert.match((await berth(runtime.endpoint, ['run'])).stderr, /give a manifest with -f/)
  await using set = await setUp()
  assert.match((await set.run({ apiVersion: 'v1', kind: 'Service' })).stderr, /holds no Pod and no Deployment/)
})

test('attempts go on after the logs that are there', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-attempts-'))
  assert.equal(nextAttempt(folder.path, 'web'), 0)
  mkdirSync(join(folder.path, 'web'))
  assert.equal(nextAttempt(folder.path, 'web'), 0)
  for (const file of ['0.log', '1.log.20260102-030405.gz', 'other']) writeFileSync(join(folder.path, 'web', file), '')
  assert.equal(nextAttempt(folder.path, 'web'), 2)
})

test('volumes: an emptyDir is made once, a hostPath is what its type says', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-volumes-'))
  const at = (name: string) => join(folder.path, name)
  const pod = (volumes: object[]) => readPod(manifest({ volumes })).pod
  const hostPath = (path: string, type: string) => pod([{ name: 'h', hostPath: { path, type } }])
  const unmounted: string[] = []
  const mounts: Mounts = {
    mountTmpfs: async () => {},
    bind: () => {},
    unmount: () => {},
    unmountBelow: async (path) => void unmounted.push(path),
  }
  const prepare = (of: ReturnType<typeof pod>) =>
    prepareVolumes(of, {
      folder: folder.path,
      mounts,
      context: { pod: {} as never, lookup: () => undefined, resourcesOf: () => ({}) as never },
      image: async ({ reference }) => `id of ${reference}`,
    })
  const places = await prepare(
    pod([
      { name: 'data', emptyDir: {} },
      { name: 's', nfs: {} },
      { name: 'i', image: { reference: 'tools:1' } },
    ]),
  )
  assert.deepEqual(
    [...places],
    [
      ['data', { path: at('berth-unit-test/data'), readOnly: false }],
      ['i', { image: 'id of tools:1' }],
    ],
  )
  writeFileSync(at('berth-unit-test/data/kept'), '')
  await prepare(pod([{ name: 'data', emptyDir: {} }]))
  assert.ok(existsSync(at('berth-unit-test/data/kept')))
  await removeVolumes('../x', folder.path, mounts)
  await removeVolumes('other', folder.path, mounts)
  assert.ok(existsSync(at('berth-unit-test')))
  await removeVolumes('berth-unit-test', folder.path, mounts)
  assert.ok(!existsSync(at('berth-unit-test')))
  assert.deepEqual(unmounted, [at('other'), at('berth-unit-test')])
  await prepare(hostPath(at('made'), 'DirectoryOrCreate'))
  await prepare(hostPath(at('deep/file'), 'FileOrCreate'))
  assert.ok(existsSync(at('made')) && existsSync(at('deep/file')))
  await prepare(hostPath(at('none'), ''))
  await assert.rejects(prepare(hostPath(at('none'), 'Directory')), /does not exist/)
  await assert.rejects(prepare(hostPath(at('made'), 'File')), /not what its type says: File/)
})
