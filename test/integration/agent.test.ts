import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempDisposableSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { parseAllDocuments, stringify } from 'yaml'
import { askStatus } from '../../src/agent/control-socket.ts'
import type { PodStatus } from '../../src/agent/pod-status.ts'
import { mountSubPath } from '../../src/agent/sub-path-mount.ts'
import { removeVolumes } from '../../src/agent/volume-folders.ts'
import { systemMounts } from '../../src/agent/volume-mounts.ts'
import { ContainerState } from '../../src/client/index.ts'
import { Berthd, repository } from '../harness/berthd.ts'
import { berth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** `berth agent` on a private berthd: the pods of a folder come, change and go, and the agent is killed in between. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const image = 'docker.io/library/busybox:latest'

/** An agent as a process of its own, with all its folders in the test's. */
class RunningAgent {
  readonly #berthd: Berthd
  readonly manifests: string
  readonly volumes: string
  readonly logs: string
  readonly #sockets: string
  readonly #options: readonly string[]
  #process: ChildProcess | undefined

  constructor(t: TestContext, berthd: Berthd) {
    this.#berthd = berthd
    const at = (name: string) => join(berthd.place.folder, 'agent', name)
    this.manifests = at('manifests')
    this.volumes = at('volumes')
    this.logs = at('logs')
    mkdirSync(this.manifests, { recursive: true })
    const folders = ['--manifests', this.manifests, '--volumes', this.volumes, '--pod-logs', this.logs]
    this.#sockets = at('sockets')
    this.#options = [...folders, '--sockets', this.#sockets]
    t.after(() => this.kill9())
  }

  start(): void {
    const log = openSync(join(this.#berthd.place.folder, 'agent.log'), 'a')
    const main = join(repository, 'src/cli/main.ts')
    const command = [main, '--runtime-endpoint', this.#berthd.endpoint, 'agent', ...this.#options]
    this.#process = spawn(process.execPath, command, { stdio: ['ignore', log, log] })
    closeSync(log)
  }

  /** Kills it as a crash does. */
  kill9(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Ends it as Ctrl-C does. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process
    this.#process = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const ended = once(running, 'exit')
    running.kill(signal)
    await ended
  }

  write(file: string, ...objects: object[]): void {
    writeFileSync(join(this.manifests, file), objects.map((object) => stringify(object)).join('---\n'))
  }

  /** Has `berth apply` write them. */
  async apply(...objects: object[]): Promise<void> {
    const file = join(this.#berthd.place.folder, 'given.yaml')
    writeFileSync(file, objects.map((object) => stringify(object)).join('---\n'))
    await berth(this.#berthd.endpoint, ['apply', '-f', file, '--manifests', this.manifests])
  }

  /** What `berth agent --status` shows. */
  status(): Promise<string> {
    return berth(this.#berthd.endpoint, ['agent', ...this.#options, '--status'])
  }

  /** What `berth why` says. */
  why(...args: string[]): Promise<string> {
    return berth(this.#berthd.endpoint, ['why', '--agent-sockets', this.#sockets, ...args])
  }

  /** Waits until what the agent knows of its pods is as it should be. */
  knows(what: string, isSo: (pods: readonly PodStatus[]) => boolean): Promise<PodStatus[]> {
    return eventually(
      what,
      async () => {
        const pods = await askStatus(this.manifests, this.#sockets)
        if (pods && isSo(pods)) return pods
        throw new Error(JSON.stringify(pods) + readFileSync(join(this.#berthd.place.folder, 'agent.log'), 'utf8'))
      },
      40_000,
    )
  }
}

/** Whether there is one pod, all of it is ready, and so many times it was started again. */
const isReady = (restarts: number) => (pods: readonly PodStatus[]) =>
  pods.length === 1 && pods.every((pod) => pod.ready === 2 && pod.state === 'Running' && pod.restarts === restarts)

/** The objects of examples/shop.yaml, with the tests' image, another greeting and a port of this machine. */
function shop(greeting: string, hostPort: number): object[] {
  const text = readFileSync(join(repository, 'examples/shop.yaml'), 'utf8')
  const own = text
    .replaceAll('localhost/berth/hello:latest', image)
    .replaceAll('value: hello', `value: ${greeting}`)
    .replace('containerPort: 8080', `containerPort: 8080, hostPort: ${hostPort}`)
  return parseAllDocuments(own).map((document) => document.toJS() as object)
}

test('a pod with init container, sidecar, probes and volumes, through changes and kills of the agent', {
  timeout: 90_000,
}, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const run = (...args: string[]) => berth(berthd.endpoint, args)
  using client = new PodClient(berthd)
  const ids = async () => {
    const state = { state: ContainerState.CONTAINER_RUNNING }
    const { containers } = await client.runtime.listContainers({ filter: { state } })
    return containers.map(({ id }) => id).toSorted()
  }
  const pods = async () => (await client.runtime.listPodSandbox({})).items.length
  await client.pull()
  const pulled = berthd.snapshot()
  const agent = new RunningAgent(t, berthd)
  agent.start()
  const port = await freePort()
  await agent.apply(...shop('hello', port))
  await agent.knows('the pod is ready', isReady(0))
  assert.match(await agent.status(), /^default +shop +2\/2 +Running +0 /m)
  const said = await run(
    'exec',
    'shop/web',
    'sh',
    '-c',
    'echo $GREETING $TOKEN $IP; cat /settings/colour /pages/prepared; touch /drafts/one; ls /pages/drafts; grep " /pages " /proc/mounts',
  )
  assert.match(
    said,
    new RegExp(`^hello abc ${berthd.place.network}\\.\\d+\\nredprepared\\none\\n.* tmpfs .*size=1024k`),
  )

  const page = async () => (await fetch(`http://127.0.0.1:${port}/prepared`)).text()
  assert.equal(await page(), 'prepared\n')

  const before = await ids()
  assert.equal(before.length, 2)
  await agent.kill9()
  agent.start()
  await agent.knows('a new agent finds it as it was', isReady(0))
  assert.deepEqual(await ids(), before)

  await run('exec', 'shop/web', 'touch', '/pages/broken')
  await agent.knows('it was killed and started again', isReady(1))
  assert.match(await run('logs', '-p', 'shop/web'), /^closing$/m, 'its preStop hook was run')

  await agent.kill9()
  await agent.apply(...shop('good day', port))
  agent.start()
  await agent.knows('another pod has taken its place', isReady(0))
  assert.equal(await run('exec', 'shop/web', 'sh', '-c', 'echo $GREETING'), 'good day\n')
  assert.equal(await page(), 'prepared\n', 'the port leads to the new pod')
  assert.equal(await pods(), 1)

  assert.equal(await run('delete', 'shop', '--manifests', agent.manifests), 'pod/shop deleted\n')
  await eventually('it is on its way out', async () => ((await ids()).length < 2 ? true : undefined))
  await agent.kill9()
  agent.start()
  await eventually('it is gone', async () => ((await pods()) === 0 ? true : undefined), 20_000)
  assert.deepEqual([readdirSync(agent.volumes), readdirSync(agent.logs)], [[], []])
  await assert.rejects(page())
  await agent.stop()
  await berthd.assertAsAt(pulled)
})

test('a Deployment is replaced pod by pod', { timeout: 60_000 }, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const agent = new RunningAgent(t, berthd)
  const deployment = (greeting: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'main',
              image,
              imagePullPolicy: 'IfNotPresent',
              command: ['sh', '-c', `echo ${greeting}; exec sleep 99`],
            },
          ],
        },
      },
    },
  })
  const twoRun = (pods: readonly PodStatus[]) => pods.length === 2 && pods.every(({ ready }) => ready === 1)
  agent.write('web.yaml', deployment('one'))
  agent.start()
  const first = (await agent.knows('both run', twoRun)).map(({ name }) => name)
  agent.write('web.yaml', deployment('two'))
  await agent.knows('others run', (pods) => twoRun(pods) && !pods.some(({ name }) => first.includes(name)))
  rmSync(join(agent.manifests, 'web.yaml'))
  await agent.knows('they are gone', (pods) => pods.length === 0)
  assert.equal(await berth(berthd.endpoint, ['pods', '-q']), '')
  await agent.stop()
})

test('berth why tells what keeps pods of the agent from running, and forgets it once they are mended', {
  timeout: 90_000,
}, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = (name: string, container: object) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent', command: ['sleep', '99'], ...container }],
    },
  })
  const states: Record<string, string> = {
    program: 'StartError',
    config: 'StartError',
    image: 'ImagePullBackOff',
    probe: 'Running',
  }
  const agent = new RunningAgent(t, berthd)
  agent.write('program.yaml', pod('program', { command: ['/nope'] }))
  agent.write('config.yaml', pod('config', { envFrom: [{ configMapRef: { name: 'none' } }] }))
  agent.write('image.yaml', pod('image', { image: `${registry.host}/library/nowhere:1` }))
  const readinessProbe = { exec: { command: ['sh', '-c', 'echo not yet; exit 1'] }, periodSeconds: 1 }
  agent.write('probe.yaml', pod('probe', { readinessProbe }))
  agent.start()
  const isAsExpected = ({ name, state, message }: PodStatus) => state === states[name] && message !== ''
  await agent.knows('all are in trouble', (pods) => pods.length === 4 && pods.every(isAsExpected))
  assert.match(await agent.why('program'), /why +configuration: the image has no program of that name/)
  assert.match(await agent.why('config'), /why +configuration: the container needs a ConfigMap[^]*it said .*"none"/)
  assert.match(await agent.why('image'), /why +registry: the registry has no such image/)
  await agent.knows('the probe has answered', (pods) => pods.some(({ message }) => message.includes('not yet')))
  assert.match(await agent.why('probe'), /its readiness probe fails\n +it said +exit code 1: not yet/)
  assert.doesNotMatch(await agent.why(), /kubelet|it has no container/)
  for (const name of Object.keys(states)) agent.write(`${name}.yaml`, pod(name, { command: ['sleep', '98'] }))
  await agent.knows('all are well', (pods) => pods.length === 4 && pods.every(({ ready }) => ready === 1))
  assert.match(await agent.why(), /^All pods and containers are well/)
  await agent.stop()
  for (const id of (await berth(berthd.endpoint, ['pods', '-q'])).split('\n').filter(Boolean)) {
    await client.removeSandbox(id)
  }
})

test('volumes go without what was mounted from elsewhere, also below a folder that is a link', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-volumes-'))
  const at = (path: string) => join(folder.path, path)
  mkdirSync(at('real/uid/memory'), { recursive: true })
  mkdirSync(at('host/part'), { recursive: true })
  symlinkSync('real', at('link'))
  writeFileSync(at('host/part/precious'), '')
  for (let times = 0; times < 2; times++) {
    await systemMounts.mountTmpfs(at('link/uid/memory'), 65_536n)
    mountSubPath(systemMounts, at('host'), 'part', at('link/uid/.sub-paths/main/0'))
  }
  assert.deepEqual(readdirSync(at('real/uid/.sub-paths/main/0')), ['precious'])
  await removeVolumes('uid', at('link'))
  assert.deepEqual([readdirSync(at('real')), readdirSync(at('host/part'))], [[], ['precious']])
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder.path))
})
