import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { connect, ContainerState } from '../../client/index.ts'
import { FakeRuntime } from '../../client/testing/fake-runtime.ts'
import type { FakeHandlers } from '../../client/testing/serve.ts'
import { Agent } from '../agent.ts'
import type { LogLimits } from '../log-rotation.ts'
import { FakeTime } from './fake-time.ts'

/** A folder of manifests, a fake runtime, and agents that live in this process; the clock is the test's. */
export class AgentSetup implements AsyncDisposable {
  readonly runtime: FakeRuntime
  readonly time = new FakeTime()
  readonly folder = mkdtempSync(join(tmpdir(), 'berth-agent-'))
  readonly manifests = join(this.folder, 'manifests')
  readonly volumes = join(this.folder, 'volumes')
  readonly logs = join(this.folder, 'logs')
  /** What the agents said. */
  readonly notes: string[] = []
  /** tmpfs mounts that were asked for, and the folders below which all were undone. */
  readonly mounted: string[] = []
  readonly unmounted: string[] = []
  logLimits: LogLimits = { maxBytes: 1000, maxFiles: 3 }
  agent!: Agent
  #stop = new AbortController()
  #running: Promise<void> | undefined

  private constructor(runtime: FakeRuntime) {
    this.runtime = runtime
    runtime.clock = () => this.time.now()
    mkdirSync(this.manifests)
  }

  static async start(overrides: FakeHandlers = {}): Promise<AgentSetup> {
    const setup = new AgentSetup(await FakeRuntime.serve(overrides))
    setup.startAgent()
    return setup
  }

  /** A new agent, which knows nothing of the one before. */
  startAgent(): void {
    const cri = connect(this.runtime.endpoint)
    this.#stop = new AbortController()
    const { signal } = this.#stop
    this.agent = new Agent({
      access: { cri, ask: { signal }, work: { signal }, note: (line) => this.notes.push(line) },
      time: this.time,
      node: { name: 'node', ips: ['192.0.2.1'], memory: 2 ** 30, cores: 2 },
      mounts: {
        mountTmpfs: async (path) => void this.mounted.push(path),
        bind: (_, target) => void this.mounted.push(target),
        unmount: () => {},
        unmountBelow: async (folder) => void this.unmounted.push(folder),
      },
      manifests: this.manifests,
      volumesFolder: this.volumes,
      logsFolder: this.logs,
      logLimits: this.logLimits,
    })
    this.#running = this.agent.run(signal).finally(() => cri.close())
  }

  async stopAgent(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent()
    await this.runtime[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true })
  }

  /** Writes a manifest file, and has the agent read it. */
  write(file: string, ...objects: object[]): void {
    writeFileSync(join(this.manifests, file), objects.map((object) => stringify(object)).join('---\n'))
    this.agent.rescan()
  }

  remove(file: string): void {
    rmSync(join(this.manifests, file))
    this.agent.rescan()
  }

  /** Moves the clock, and waits until the agent has done what it has to do about the pod `web`. */
  async pass(ms: number): Promise<void> {
    this.time.advance(ms)
    await this.settled()
  }

  /** Ends a container, and waits until the agent has done what it has to do. */
  async end(name: string, exitCode: number): Promise<void> {
    this.runtime.end(name, exitCode)
    await this.settled()
  }

  /** Waits until the agent has looked at the pod `web` anew, and waits again. */
  async settled(): Promise<void> {
    const worker = this.agent.worker('default', 'web')
    worker?.poke()
    await worker?.whenIdle()
  }

  /** Waits until something holds, and the agent has done what it has to do. */
  async until(what: string, condition: () => boolean): Promise<void> {
    await this.seen(what, condition)
    await this.settled()
  }

  /** Waits until something holds, whatever the agent is about. */
  async seen(what: string, condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 10_000
    while (!condition()) {
      if (performance.now() > deadline) {
        throw new Error(`not within 10 s: ${what}\n${this.runtime.calls.join('\n')}\n${this.notes.join('\n')}`)
      }
      await sleep(5)
    }
  }

  /** Which containers run, by name, each as often as it does. */
  running(): string[] {
    return this.runtime.containers
      .filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
      .map(({ config }) => config.metadata?.name ?? '')
      .toSorted()
  }

  /** The calls since the last time it was asked. */
  newCalls(): string[] {
    return this.runtime.calls.splice(0).filter((call) => !call.startsWith('PullImage'))
  }
}

/** A pod `web` with this spec; its only container is `main` if the spec has none. */
export function podManifest(spec: object = {}, name = 'web'): object {
  const containers = [{ name: 'main', image: 'app:1' }]
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers, ...spec } }
}
