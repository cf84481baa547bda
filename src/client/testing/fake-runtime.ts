import { type ContainerConfig, ContainerState, type Image, type PodSandboxConfig, PodSandboxState } from '../index.ts'
import { type FakeHandlers, type FakeServer, serveFake, statusError } from './serve.ts'

/** The time when the newest things were made: 2026-01-02T00:00:00Z. */
export const now = Date.UTC(2026, 0, 2)

export interface FakeSandbox {
  readonly id: string
  readonly config: PodSandboxConfig
  readonly createdAt: bigint
  state: PodSandboxState
}

export interface FakeContainer {
  readonly id: string
  readonly podSandboxId: string
  readonly config: ContainerConfig
  readonly createdAt: bigint
  state: ContainerState
  exitCode: number
  /** Nanoseconds since the epoch; 0 for what has not happened. */
  startedAt: bigint
  finishedAt: bigint
}

/** A CRI runtime that keeps its pods in memory; enough of one for the commands of `berth`. */
export class FakeRuntime implements AsyncDisposable {
  readonly sandboxes: FakeSandbox[] = []
  readonly containers: FakeContainer[] = []
  images: (Partial<Omit<Image, '$typeName' | '$unknown'>> & { id: string })[] = []
  /** The calls that change something, in order: `StartContainer web`. */
  readonly calls: string[] = []
  /** How often the status of a container was asked for. */
  statusCalls = 0
  /** The exit code with which a container of this name ends as soon as it starts. */
  readonly exitCodes = new Map<string, number>()
  /** What commands in containers give, by the container's name; 0 for others. */
  readonly execs = new Map<string, (command: readonly string[]) => number>()
  /** What time it is, in milliseconds, when that matters. */
  clock: (() => number) | undefined
  #server: FakeServer | undefined
  #ids = 0

  static async serve(overrides: FakeHandlers = {}): Promise<FakeRuntime> {
    const runtime = new FakeRuntime()
    const { runtime: service, image } = runtime.#handlers()
    runtime.#server = await serveFake({
      runtime: { ...service, ...overrides.runtime },
      image: { ...image, ...overrides.image },
    })
    return runtime
  }

  get endpoint(): string {
    return this.#server?.endpoint ?? ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
  }

  /** Ids begin with `a` for sandboxes and `b` for containers, and count up: a1000…, a2000…. */
  #newId(kind: 'a' | 'b'): string {
    return `${kind}${++this.#ids}`.padEnd(64, '0')
  }

  /** Ends the running container of this name. */
  end(name: string, exitCode: number): void {
    const running = this.containers.find(
      ({ config, state }) => config.metadata?.name === name && state === ContainerState.CONTAINER_RUNNING,
    )
    if (!running) throw new Error(`no container "${name}" is running`)
    this.#end(running, exitCode)
  }

  #end(container: FakeContainer, exitCode: number): void {
    container.state = ContainerState.CONTAINER_EXITED
    container.exitCode = exitCode
    container.finishedAt = this.clock ? BigInt(this.clock()) * 1_000_000n : container.createdAt + 2n
  }

  /** Each thing is a minute older than the one after the next, the first an hour. */
  #created(): bigint {
    // Strictly increasing, as the kubelet expects it.
    if (this.clock) return BigInt(this.clock()) * 1_000_000n + BigInt(this.#ids)
    return BigInt(now - 3_600_000 + this.#ids * 60_000) * 1_000_000n
  }

  #container(id: string): FakeContainer {
    const container = this.containers.find((other) => other.id === id)
    if (!container) throw statusError('NOT_FOUND', `container "${id}" not found`)
    return container
  }

  #sandbox(id: string): FakeSandbox {
    const sandbox = this.sandboxes.find((other) => other.id === id)
    if (!sandbox) throw statusError('NOT_FOUND', `sandbox "${id}" not found`)
    return sandbox
  }

  #handlers(): Required<FakeHandlers> {
    const call = (name: string, config: { metadata?: { name: string } | undefined } | undefined) =>
      this.calls.push(`${name} ${config?.metadata?.name ?? ''}`.trim())
    return {
      runtime: {
        version: () => ({ version: '0.1.0', runtimeName: 'fake', runtimeVersion: '1.2.3', runtimeApiVersion: 'v1' }),
        runPodSandbox: ({ config }) => {
          if (!config) throw statusError('INVALID_ARGUMENT', 'no config')
          const id = this.#newId('a')
          this.sandboxes.push({ id, config, createdAt: this.#created(), state: PodSandboxState.SANDBOX_READY })
          call('RunPodSandbox', config)
          return { podSandboxId: id }
        },
        stopPodSandbox: ({ podSandboxId }) => {
          const sandbox = this.#sandbox(podSandboxId)
          call('StopPodSandbox', sandbox.config)
          sandbox.state = PodSandboxState.SANDBOX_NOTREADY
          for (const container of this.containers) {
            const runs = container.state === ContainerState.CONTAINER_RUNNING
            if (container.podSandboxId === podSandboxId && runs) this.#end(container, 137)
          }
          return {}
        },
        removePodSandbox: ({ podSandboxId }) => {
          call('RemovePodSandbox', this.#sandbox(podSandboxId).config)
          remove(this.sandboxes, ({ id }) => id === podSandboxId)
          remove(this.containers, (container) => container.podSandboxId === podSandboxId)
          return {}
        },
        podSandboxStatus: ({ podSandboxId }) => {
          const { config, ...rest } = this.#sandbox(podSandboxId)
          const { labels, annotations, metadata } = config
          const status = { ...rest, labels, annotations, network: { ip: '10.0.0.9' }, ...(metadata && { metadata }) }
          return { status, info: { info: '{"pid":7}', note: '"plain"' } }
        },
        listPodSandbox: ({ filter }) => ({
          items: this.sandboxes
            .filter(({ state }) => filter?.state === undefined || filter.state.state === state)
            .filter(({ config }) => matches(config.labels, filter?.labelSelector))
            .map(({ config: { metadata, labels, annotations }, ...rest }) => ({
              ...rest,
              labels,
              annotations,
              ...(metadata && { metadata }),
            })),
        }),
        createContainer: ({ podSandboxId, config }) => {
          this.#sandbox(podSandboxId)
          if (!config) throw statusError('INVALID_ARGUMENT', 'no config')
          const id = this.#newId('b')
          const state = ContainerState.CONTAINER_CREATED
          const times = { createdAt: this.#created(), startedAt: 0n, finishedAt: 0n }
          this.containers.push({ id, podSandboxId, config, ...times, state, exitCode: 0 })
          call('CreateContainer', config)
          return { containerId: id }
        },
        startContainer: ({ containerId }) => {
          const container = this.#container(containerId)
          call('StartContainer', container.config)
          const exitCode = this.exitCodes.get(container.config.metadata?.name ?? '')
          container.startedAt = this.clock ? BigInt(this.clock()) * 1_000_000n : container.createdAt + 1n
          container.state = ContainerState.CONTAINER_RUNNING
          if (exitCode !== undefined) this.#end(container, exitCode)
          return {}
        },
        stopContainer: ({ containerId, timeout }) => {
          const container = this.#container(containerId)
          this.calls.push(`StopContainer ${container.config.metadata?.name} ${timeout}`)
          if (container.state !== ContainerState.CONTAINER_EXITED) this.#end(container, 143)
          return {}
        },
        execSync: ({ containerId, cmd }) => {
          const { config } = this.#container(containerId)
          const name = config.metadata?.name ?? ''
          this.calls.push(`ExecSync ${name}: ${cmd.join(' ')}`)
          return { exitCode: this.execs.get(name)?.(cmd) ?? 0 }
        },
        reopenContainerLog: ({ containerId }) => {
          call('ReopenContainerLog', this.#container(containerId).config)
          return {}
        },
        removeContainer: ({ containerId }) => {
          call('RemoveContainer', this.#container(containerId).config)
          remove(this.containers, ({ id }) => id === containerId)
          return {}
        },
        listContainers: ({ filter }) => ({
          containers: this.containers
            .filter(({ state }) => filter?.state === undefined || filter.state.state === state)
            .filter(({ podSandboxId }) => !filter?.podSandboxId || filter.podSandboxId === podSandboxId)
            .filter(({ config }) => matches(config.labels, filter?.labelSelector))
            .map(({ config, id, podSandboxId, state, createdAt }) => ({
              id,
              podSandboxId,
              state,
              createdAt,
              labels: config.labels,
              annotations: config.annotations,
              imageId: config.image?.image ?? '',
              ...(config.metadata && { metadata: config.metadata }),
              ...(config.image && { image: config.image }),
            })),
        }),
        containerStatus: ({ containerId }) => {
          this.statusCalls++
          const { id, config, state, createdAt, startedAt, finishedAt, exitCode, podSandboxId } =
            this.#container(containerId)
          const folder = this.#sandbox(podSandboxId).config.logDirectory
          const exited = state === ContainerState.CONTAINER_EXITED
          return {
            status: {
              id,
              state,
              createdAt,
              exitCode,
              startedAt,
              finishedAt,
              reason: exited ? (exitCode === 0 ? 'Completed' : 'Error') : '',
              logPath: config.logPath && `${folder}/${config.logPath}`,
              ...(config.metadata && { metadata: config.metadata }),
              ...(config.image && { image: config.image }),
            },
          }
        },
      },
      image: {
        listImages: () => ({ images: this.images }),
        imageStatus: ({ image }) => {
          const found = this.images.find(
            ({ id, repoTags = [] }) => id === image?.image || repoTags.includes(image?.image ?? ''),
          )
          return found ? { image: found } : {}
        },
        pullImage: ({ image, auth }) => {
          const name = image?.image ?? ''
          this.calls.push(`PullImage ${name}${auth ? ` as ${auth.username || auth.auth}` : ''}`)
          const id = `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`
          if (!this.images.some((other) => other.id === id))
            this.images.push({ id, repoTags: [name], size: 1_495_024n })
          return { imageRef: id }
        },
        removeImage: ({ image }) => {
          this.calls.push(`RemoveImage ${image?.image}`)
          this.images = this.images.filter(({ id }) => id !== image?.image)
          return {}
        },
      },
    }
  }
}

type Labels = Readonly<Record<string, string>>

const matches = (labels: Labels, selector: Labels = {}) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value)

function remove<T>(list: T[], isGone: (item: T) => boolean): void {
  list.splice(0, list.length, ...list.filter((item) => !isGone(item)))
}
