import type { LinuxContainerResources } from '../gen/cri_pb.ts'
import type { HostFacts } from '../oci/host-facts.ts'
import type { Spec } from '../oci/runtime-spec.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { PodNamespace } from './messages/pod.ts'

/**
 * What NRI plugins are asked and told. Whoever asks waits for the plugins, who can refuse; whoever tells does not wait, and what
 * was told earlier arrives earlier. Without plugins all of it is nothing.
 */
export interface NriPort {
  /** Starts the installed plugins, and listens for others. */
  start(host: NriHost): Promise<void>
  close(): Promise<void>

  /** Throws when a plugin refuses the pod. */
  runSandbox(sandbox: SandboxRecord): Promise<void>
  /** The pod was announced, and did not come to be. */
  sandboxUndone(sandbox: SandboxRecord): void
  updateSandbox(sandbox: SandboxRecord, asked: SandboxResources): Promise<void>
  sandboxUpdated(sandbox: SandboxRecord): void
  /** Its containers have ended, and the rest of it is still there. No plugin can refuse. */
  stopSandbox(sandbox: SandboxRecord): Promise<void>
  sandboxRemoved(sandbox: SandboxRecord): void

  /** The config.json as plugins want it. Throws when one refuses the container, or two want different things. */
  createContainer(container: ContainerRecord, spec: Spec, host: HostFacts): Promise<Spec>
  containerUndone(container: ContainerRecord): void
  containerCreated(container: ContainerRecord): void
  /** Throws when a plugin refuses the start. */
  startContainer(container: ContainerRecord): Promise<void>
  containerStarted(container: ContainerRecord): void
  /** The limits as plugins want them. */
  updateContainer(container: ContainerRecord, asked: LinuxContainerResources): Promise<LinuxContainerResources>
  containerUpdated(container: ContainerRecord): void
  containerEnded(container: ContainerRecord): void
  /** To be called while its bundle is there. */
  containerRemoved(container: ContainerRecord): void
}

export interface SandboxResources {
  readonly overhead?: LinuxContainerResources
  readonly resources?: LinuxContainerResources
}

/** What plugins need of the rest of Berth. */
export interface NriHost {
  sandboxes(): Iterable<SandboxRecord>
  containers(): Iterable<ContainerRecord>
  container(id: string): ContainerRecord | undefined
  sandbox(id: string): SandboxRecord | undefined
  /** The namespaces that a pod has of its own, as far as they are there. */
  namespaces(sandbox: SandboxRecord): readonly PodNamespace[]
  /** The config.json of a container; undefined when it cannot be read. */
  spec(containerId: string): Spec | undefined
  /** The digest of the image's manifest; empty when not known. */
  imageDigest(container: ContainerRecord): string
  /** Changes the limits of a container. Throws when that cannot be. */
  update(containerId: string, resources: LinuxContainerResources): Promise<void>
  /** Stops a container at once. */
  evict(containerId: string): Promise<void>
}

/** No plugins at all. */
export const withoutNri: NriPort = {
  async start() {},
  async close() {},
  async runSandbox() {},
  sandboxUndone() {},
  async updateSandbox() {},
  sandboxUpdated() {},
  async stopSandbox() {},
  sandboxRemoved() {},
  createContainer: async (_, spec) => spec,
  containerUndone() {},
  containerCreated() {},
  async startContainer() {},
  containerStarted() {},
  updateContainer: async (_, asked) => asked,
  containerUpdated() {},
  containerEnded() {},
  containerRemoved() {},
}
