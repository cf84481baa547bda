import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { type CriConnection, connect } from '../../src/client/index.ts'
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from '../../src/gen/cri_pb.ts'
import { eventually } from './eventually.ts'

/** Where the tests' image is, once {@link PodClient.pull} has run. */
export const testImage = 'docker.io/library/busybox:latest'

type SandboxChange = Exclude<MessageInitShape<typeof PodSandboxConfigSchema>, PodSandboxConfig>
type ContainerChange = Exclude<MessageInitShape<typeof ContainerConfigSchema>, ContainerConfig>

/** A runtime that serves, and a folder for the logs of its pods. */
export interface Served {
  readonly endpoint: string
  readonly place: { readonly folder: string }
}

/** What tests do with pods again and again, through the typed client. */
export class PodClient implements Disposable {
  readonly #berthd: Served
  #client: CriConnection

  constructor(berthd: Served) {
    this.#berthd = berthd
    this.#client = connect(berthd.endpoint)
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }

  get runtime(): CriConnection['runtime'] {
    return this.#client.runtime
  }

  get image(): CriConnection['image'] {
    return this.#client.image
  }

  /** A new connection, for after berthd was killed: gRPC waits longer and longer between its own attempts. */
  reconnect(): void {
    this.#client.close()
    this.#client = connect(this.#berthd.endpoint)
  }

  async pull(image = testImage): Promise<string> {
    return (await this.image.pullImage({ image: { image } })).imageRef
  }

  /** A sandbox configuration with the logs in the test's own folder. */
  sandboxConfig(name: string, change: SandboxChange = {}): PodSandboxConfig {
    return create(PodSandboxConfigSchema, {
      metadata: { name, namespace: 'default', uid: `uid-of-${name}`, attempt: 0 },
      hostname: name,
      logDirectory: join(this.#berthd.place.folder, 'logs', name),
      linux: { securityContext: { namespaceOptions: { pid: 1 } } },
      ...change,
    })
  }

  /** A container configuration that runs a shell script. */
  containerConfig(name: string, script: string, change: ContainerChange = {}): ContainerConfig {
    return create(ContainerConfigSchema, {
      metadata: { name, attempt: 0 },
      image: { image: testImage },
      command: ['/bin/sh', '-c', script],
      logPath: `${name}.log`,
      linux: { securityContext: { namespaceOptions: { pid: 1 } } },
      ...change,
    })
  }

  async runSandbox(config: PodSandboxConfig): Promise<string> {
    return (await this.runtime.runPodSandbox({ config })).podSandboxId
  }

  async createContainer(podSandboxId: string, config: ContainerConfig): Promise<string> {
    return (await this.runtime.createContainer({ podSandboxId, config })).containerId
  }

  /** Creates and starts a container in a sandbox. */
  async runContainer(podSandboxId: string, config: ContainerConfig): Promise<string> {
    const containerId = await this.createContainer(podSandboxId, config)
    await this.runtime.startContainer({ containerId })
    return containerId
  }

  async status(containerId: string) {
    const { status } = await this.runtime.containerStatus({ containerId })
    if (!status) throw new Error(`no status of container ${containerId}`)
    return status
  }

  /** The texts of the container's log, without time and tags. */
  async logLines(containerId: string): Promise<string[]> {
    const { logPath } = await this.status(containerId)
    const lines = readFileSync(logPath, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => line.split(' ').slice(3).join(' '))
  }

  /** Waits until the container's log has a line that is `text`. */
  async logged(containerId: string, text: string): Promise<void> {
    await eventually(`"${text}" in the log`, async () => (await this.logLines(containerId)).includes(text) || undefined)
  }

  /** Waits until the container has ended and answers its status. */
  exited(containerId: string) {
    return eventually(`container ${containerId} ends`, async () => {
      const status = await this.status(containerId)
      return status.finishedAt > 0n ? status : undefined
    })
  }

  async removeSandbox(podSandboxId: string): Promise<void> {
    await this.runtime.stopPodSandbox({ podSandboxId })
    await this.runtime.removePodSandbox({ podSandboxId })
  }
}
