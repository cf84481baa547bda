import assert from 'node:assert/strict'
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { serveStatus } from '../../agent/control-socket.ts'
import { agentLabel } from '../../agent/marks.ts'
import type { Trouble } from '../../agent/trouble.ts'
import { ContainerState, type ContainerStatus, PodSandboxState } from '../../client/index.ts'
import { type FakeHandlers, statusError } from '../../client/testing/serve.ts'
import { berth } from '../testing/berth.ts'
import { FakeRuntime, now } from '../../client/testing/fake-runtime.ts'

const pod = { namespace: 'shop', name: 'web', uid: 'u-1' }
const s1 = 's1'.padEnd(64, '0')
const c1 = 'c1'.padEnd(64, '0')
const manifests = '/etc/berth/manifests'
const ns = (msAgo: number) => BigInt(now - msAgo) * 1_000_000n

interface Scene {
  /** What berthd reports; undefined for a runtime that reports nothing. */
  readonly report?: object
  readonly sandbox?: {
    readonly ready: boolean
    readonly reason?: string
    readonly networkError?: string
    readonly createdAgo?: number
  }
  readonly container?: Partial<Omit<ContainerStatus, '$typeName' | '$unknown'>>
  /** Milliseconds. */
  readonly createdAgo?: number
  /** An image that is on the node. */
  readonly here?: string
  /** The troubles that the agent of the pod tells; it does not run when it is null. */
  readonly agent?: readonly Trouble[] | null
}

/** `berth why` against a runtime in this state. */
async function why(scene: Scene, ...args: string[]) {
  const state = scene.sandbox?.ready ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY
  const metadata = { name: 'app', attempt: scene.container?.metadata?.attempt ?? 0 }
  const labels: Record<string, string> = scene.agent === undefined ? {} : { [agentLabel]: manifests }
  const runtime: FakeHandlers['runtime'] = {
    status: () => ({
      status: { conditions: [{ type: 'NetworkReady', status: true }] },
      info: (scene.report ? { info: JSON.stringify(scene.report) } : { golang: 'go1.24' }) as Record<string, string>,
    }),
    listPodSandbox: () => ({
      items: scene.sandbox
        ? [{ id: s1, metadata: pod, labels, state, createdAt: ns(scene.sandbox.createdAgo ?? 3_600_000) }]
        : [],
    }),
    podSandboxStatus: () => ({
      status: { id: s1, metadata: pod, state },
      info: {
        info: JSON.stringify({ state: { reason: scene.sandbox?.reason }, networkError: scene.sandbox?.networkError }),
      },
    }),
    listContainers: () => ({
      containers: scene.container
        ? [{ id: c1, podSandboxId: s1, metadata, createdAt: ns(scene.createdAgo ?? 60_000), image: { image: 'nginx' } }]
        : [],
    }),
    containerStatus: () => ({ status: { id: c1, metadata, ...scene.container } }),
  }
  const image: FakeHandlers['image'] = {
    imageStatus: ({ image }) => (scene.here && image?.image === scene.here ? { image: { id: 'sha256:1' } } : {}),
  }
  await using fake = await FakeRuntime.serve({ runtime, image })
  using sockets = mkdtempDisposableSync(join(tmpdir(), 'berth-why-'))
  const status = { ...pod, state: 'Running', ready: 0, total: 1, restarts: 0, createdAt: now, message: '' }
  await using stack = new AsyncDisposableStack()
  const { agent: troubles } = scene
  if (troubles) stack.use(await serveStatus(manifests, sockets.path, () => [{ ...status, troubles }]))
  return await berth(fake.endpoint, ['why', '--agent-sockets', sockets.path, ...args])
}

const failure = { pod, firstAt: now - 60_000, lastAt: now - 5000, count: 3, code: 'unknown' }

test('a pod that was never made is explained by the call that failed', async () => {
  const message = 'CNI plugin "bridge" (ADD on network "n", namespace /x) failed: no link'
  const failures = [{ rpc: 'RunPodSandbox', ...failure, message, stage: 'attaching it to the network' }]
  for (const name of ['web', 'shop/web']) {
    const { stdout, code } = await why({ report: { failures } }, name)
    assert.equal(code, 0)
    assert.equal(
      stdout,
      [
        'pod shop/web: not there',
        '  why        network (CNI): a CNI plugin failed',
        '  in         RunPodSandbox; attaching it to the network; 3 times, last 5 seconds ago',
        `  it said    ${message}`,
        '  next       the words of "bridge" say why; look at the log and the state of the network add-on',
        '',
      ].join('\n'),
    )
  }
})

test('a pod that is there is meant, and not those that had its name before', async () => {
  const old = { ...failure, pod: { ...pod, uid: 'u-0' } }
  const failures = [{ rpc: 'PullImage', ...old, image: 'nginx', message: 'no' }]
  const running = { state: ContainerState.CONTAINER_RUNNING, startedAt: ns(1000) }
  const scene = { report: { failures }, sandbox: { ready: true, createdAgo: 1000 }, container: running }
  const { stdout, code } = await why(scene, 'web')
  assert.equal(code, 0)
  assert.match(stdout, /^pod shop\/web \(s1[0]+\): Ready\n/)
  assert.match((await why(scene)).stdout, /^All pods and containers are well/)
})

test('of pods of one name that are not there, the one that was tried last is meant', async () => {
  const of = (uid: string, namespace: string, lastAt: number) => {
    return { rpc: 'RunPodSandbox', ...failure, pod: { ...pod, namespace, uid }, lastAt, message: `no ${uid}` }
  }
  const failures = [of('u-0', 'shop', now - 9000), of('u-1', 'shop', now - 1000)]
  assert.match((await why({ report: { failures } }, 'web')).stdout, /no u-1/)
  const { stderr } = await why({ report: { failures: [...failures, of('u-2', 'barn', now)] } }, 'web')
  assert.match(stderr, /"web" could be any of 2 pods: shop\/web, barn\/web; write .* the whole name/)
})

test('what nobody has tried for long is past, and comes last', async () => {
  const past = { rpc: 'RunPodSandbox', ...failure, lastAt: now - 3_600_000, message: 'no' }
  const recent = { ...past, pod: { ...pod, name: 'new', uid: 'u-2' }, lastAt: now - 1000 }
  const { stdout } = await why({ report: { failures: [past, recent] } })
  assert.match(stdout, /^pod shop\/new: not there\n[^]*pod shop\/web: not there\n[^]*note +this is past/)
  assert.equal(stdout.match(/this is past/g)?.length, 1)
})

test('what is under way is told with its stage and age', async () => {
  const key = 'shop/web/u-1/0'
  const operation = { name: 'RunPodSandbox', key, stage: 'attaching it to the network' }
  const operations = [{ ...operation, startedAt: now - 12_000, stageSince: now - 11_000 }]
  const calls = [{ rpc: 'RunPodSandbox', pod, startedAt: now - 12_000 }]
  const { stdout } = await why({ report: { operations, calls } }, 'web')
  assert.match(
    stdout,
    /^pod shop\/web: being made\n {2}waits for {2}RunPodSandbox, for 12 s: attaching it .*, for 11 s\n/,
  )
  assert.equal(stdout.match(/^ {2}waits for/gm)?.length, 1)
})

test('a pull under way is told with its bytes', async () => {
  const calls = [{ rpc: 'PullImage', pod, image: 'nginx', startedAt: now - 3000 }]
  const layer = { totalBytes: 4_000_000, downloadedBytes: 1_000_000, stage: 'downloading' }
  const pull = {
    image: 'docker.io/library/nginx:latest',
    stage: 'downloading',
    stageSinceMs: now - 2000,
    layers: [layer],
  }
  const { stdout } = await why({ report: { calls, pulls: [pull] }, sandbox: { ready: true } }, 'web')
  assert.match(
    stdout,
    /waits for {2}PullImage of nginx, for 3\.0 s: downloading, for 2\.0 s\n +0 of 1 layers .* 1MB of 4MB/,
  )
})

test('a stop that takes its time says what it waits for', async () => {
  const stage = 'waiting for it to end after SIGTERM; it is killed after 30 s at the latest'
  const operations = [{ name: 'StopContainer', key: c1, stage, startedAt: now - 9000, stageSince: now - 9000 }]
  const container = { state: ContainerState.CONTAINER_RUNNING, startedAt: ns(60_000) }
  const { stdout } = await why({ report: { operations }, sandbox: { ready: true }, container }, 'web/app')
  assert.match(
    stdout,
    /waits for {2}StopContainer, for 9\.0 s: waiting for it to end after SIGTERM.*\n {2}next +.*stop -t 0/,
  )
})

test('a container that ends again and again: its code, its attempt, its last words', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-why-'))
  mkdirSync(join(folder.path, 'logs'))
  const logPath = join(folder.path, 'logs/3.log')
  const lines = Array.from({ length: 9 }, (_, n) => `2026-01-01T00:00:00Z stderr F line ${n} \x1b[2J\n`)
  writeFileSync(logPath, lines.join(''))
  const container = {
    state: ContainerState.CONTAINER_EXITED,
    metadata: { name: 'app', attempt: 3 },
    startedAt: ns(20_000),
    finishedAt: ns(17_000),
    exitCode: 1,
    reason: 'Error',
    logPath,
  } as unknown as Scene['container'] & object
  const { stdout } = await why({ report: {}, sandbox: { ready: true }, container }, 'app')
  assert.match(stdout, /^container shop\/web\/app \(c1[0]+\): Exited \(1, Error\), attempt 3\n/)
  assert.match(stdout, /why +application: it ended after 3 seconds with code 1:/)
  assert.match(stdout, /started 4 times.*CrashLoopBackOff/)
  assert.match(stdout, /its log +line 4 \\x1b\[2J\n {13}line 5/)
})

test('a pull that failed counts until a container is made of the image', async () => {
  const scene = {
    sandbox: { ready: true },
    container: { state: ContainerState.CONTAINER_RUNNING },
    report: { failures: [{ rpc: 'PullImage', ...failure, image: 'nginx', message: 'no' }] },
  }
  assert.match((await why({ ...scene, createdAgo: 60_000 }, 'web')).stdout, /why +registry: PullImage failed/)
  assert.doesNotMatch((await why({ ...scene, createdAgo: 1000 }, 'web')).stdout, /registry/)
})

test('a pod of before a restart of the machine, and a container of which nobody knows', async () => {
  const restarted = await why({ sandbox: { ready: false, reason: 'the machine was restarted' } }, 's1')
  assert.match(restarted.stdout, /^pod shop\/web \(s1[0]+\): NotReady\n {2}why +node: the machine was restarted/)
  const container = { state: ContainerState.CONTAINER_UNKNOWN, message: 'its shim is gone' }
  const unknown = await why({ sandbox: { ready: true }, container }, 'app')
  assert.match(
    unknown.stdout,
    /Unknown\n {2}why +container runtime: nobody can tell .*\n {2}it said +its shim is gone\n/,
  )
})

test('a stopped pod whose network could not be released', async () => {
  const networkError = 'CNI plugin "calico" (DEL on network "n") failed: connection refused'
  const { stdout } = await why({ sandbox: { ready: false, reason: 'it was stopped by request', networkError } }, 's1')
  assert.match(
    stdout,
    /network \(CNI\): its CNI plugins have not given back its addresses[^]*it said +CNI plugin "calico"/,
  )
})

test('a container that could not be created is known by its name', async () => {
  const message = 'image "nginx" is not on this node; pull it first'
  const failures = [{ rpc: 'CreateContainer', ...failure, sandboxId: s1, container: 'app', image: 'nginx', message }]
  const scene = { report: { failures }, sandbox: { ready: true } }
  for (const name of ['app', 'web/app', 'web']) {
    assert.match(
      (await why(scene, name)).stdout,
      /container shop\/web\/app: not there\n {2}why +image: .*not on this node/,
    )
  }
})

test('a container that was removed since it could not be started', async () => {
  const message = 'the image has no such program: "/nope"'
  const failures = [{ rpc: 'StartContainer', ...failure, sandboxId: s1, containerId: c1, container: 'app', message }]
  const start: Trouble = { container: 'app', of: 'start', message }
  const { stdout } = await why({ report: { failures }, sandbox: { ready: true }, agent: [start] }, 'web')
  assert.match(stdout, /^pod .*: Ready\n\ncontainer shop\/web\/app: not there\n +why +configuration: .* no program/m)
  assert.equal(stdout.match(/it said/g)?.length, 1)
  assert.doesNotMatch(stdout, /it has no container/)
})

test('a pull that failed though the image is on the node', async () => {
  const message = 'RegistryUnavailable: failed to pull image "localhost/app:latest": it refuses the connection'
  const failures = [{ rpc: 'PullImage', ...failure, image: 'localhost/app:latest', message }]
  const scene = { report: { failures }, sandbox: { ready: true } }
  const words = /next +the image is on this node already: imagePullPolicy: IfNotPresent would use it\. Else: from this/
  assert.match((await why({ ...scene, here: 'localhost/app:latest' }, 'web')).stdout, words)
  assert.match((await why({ ...scene, here: 'localhost/other:latest' }, 'web')).stdout, /next +from this node, try/)
})

test('what only the agent knows', async () => {
  const message = 'there is no ConfigMap "cfg" in the namespace shop: add its manifest beside the pod’s'
  const start: Trouble = { container: 'app', of: 'start', message }
  const { stdout } = await why({ sandbox: { ready: true }, agent: [start] }, 'web')
  assert.match(stdout, /^pod .*: Ready\n +why +configuration: the container needs a ConfigMap .*not there\n/)
  const idle = await why({ sandbox: { ready: true }, agent: [] }, 'web')
  assert.match(idle.stdout, /note +it has no container yet: the next step is that of the agent\n/)
  const away = await why({ sandbox: { ready: true }, agent: null }, 'web')
  assert.match(away.stdout, /no agent runs the pods of .*: start one with berth agent --manifests \/etc\/berth/)
})

test('a container that runs and is not ready: its probe', async () => {
  const container = { state: ContainerState.CONTAINER_RUNNING, startedAt: ns(60_000) }
  const scene = { sandbox: { ready: true }, container }
  const probe: Trouble = { container: 'app', of: 'readiness', kills: false, message: 'HTTP status 503' }
  const { stdout } = await why({ ...scene, agent: [probe] })
  assert.match(stdout, /^container .*: Running\n +why +application: it is not ready: its readiness probe fails\n/)
  assert.match(stdout, /it said +HTTP status 503\n/)
  const killed = await why({ ...scene, agent: [{ ...probe, of: 'liveness', kills: true }] })
  assert.match(killed.stdout, /its liveness probe failed so often that it is stopped/)
  const silent = await why({ ...scene, agent: [{ ...probe, message: '' }] })
  assert.match(silent.stdout, /its readiness probe has not succeeded yet/)
})

test('of a pod of the agent, what is said of the kubelet is said of the agent', async () => {
  const sandbox = { ready: false, reason: 'the machine was restarted' }
  assert.match((await why({ sandbox, agent: null })).stdout, /next +the agent makes it anew; without an agent remove/)
  assert.match((await why({ sandbox })).stdout, /next +the kubelet makes it anew; without a kubelet remove/)
})

test('an image that somebody tried to pull is known by its name', async () => {
  const failures = [
    { rpc: 'PullImage', image: 'reg:1/x', message: 'RegistryUnavailable: x', firstAt: 1, lastAt: 1, count: 1 },
  ]
  assert.match(
    (await why({ report: { failures } }, 'reg:1/x')).stdout,
    /^image reg:1\/x: not there\n {2}why +registry:/,
  )
})

test('without a name, all that is not well', async () => {
  const running = { state: ContainerState.CONTAINER_RUNNING, startedAt: ns(1000) }
  const well = await why({ sandbox: { ready: true }, container: running })
  assert.equal(well.stdout, 'All pods and containers are well, and no call has failed lately.\n')
  const ended = {
    state: ContainerState.CONTAINER_EXITED,
    startedAt: 1n,
    finishedAt: 2n,
    exitCode: 139,
    reason: 'Error',
  }
  assert.match((await why({ sandbox: { ready: true }, container: ended })).stdout, /^container shop\/web\/app .*139/)
})

test('as data', async () => {
  const container = {
    state: ContainerState.CONTAINER_EXITED,
    startedAt: 1n,
    finishedAt: 2n,
    exitCode: 137,
    reason: 'OOMKilled',
  }
  const { stdout } = await why({ sandbox: { ready: true }, container }, 'app', '-o', 'json')
  const { explanations } = JSON.parse(stdout) as { explanations: { causes: { layer: string }[] }[] }
  assert.equal(explanations[0]?.causes[0]?.layer, 'kernel')
})

test('a name that means nothing is an error that says where to look', async () => {
  const { code, stderr } = await why({}, 'nobody')
  assert.equal(code, 1)
  assert.match(stderr, /nothing is known of "nobody".*berth pods/)
})

test('what is removed while it is looked at is left out', async () => {
  const gone = () => {
    throw statusError('NOT_FOUND', 'it is gone')
  }
  const listPodSandbox = () => ({ items: [{ id: s1, metadata: pod, createdAt: 1n }] })
  await using fake = await FakeRuntime.serve({
    runtime: { status: () => ({}), listPodSandbox, podSandboxStatus: gone },
  })
  const { code, stdout } = await berth(fake.endpoint, ['why'])
  assert.match(`${code} ${stdout}`, /^0 All pods and containers are well/)
})
