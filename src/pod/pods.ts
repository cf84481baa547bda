import type { Socket } from 'node:net'
import type { ContainerConfig, LinuxContainerResources, PodSandboxConfig } from '../gen/cri_pb.ts'
import { messageOf } from '../lib/errors.ts'
import type { ShimClient } from '../shim/client.ts'
import type { ContainerExit } from '../shim/protocol.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { Operation } from '../state/operations.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { type Attached, type AttachRequest, attach } from './attach.ts'
import { checkpointContainer } from './checkpoint/checkpoint-container.ts'
import { containerExited } from './container-exited.ts'
import { createContainer } from './create-container.ts'
import { describeContainer, describeSandbox } from './describe.ts'
import { runningContainer } from './container-command.ts'
import { type ExecRequest, exec, type RunningExec } from './exec.ts'
import { type ExecOutcome, execSync } from './exec-sync.ts'
import { ListedRecords } from './listed-records.ts'
import { containersOf, findContainer, getContainer, getSandbox } from './lookup.ts'
import { nriHost } from './nri-host.ts'
import type { PodParts } from './parts.ts'
import { connectToPort, readySandbox } from './port-forward.ts'
import { reattachContainers } from './reattach.ts'
import type { Finding } from '../state/finding.ts'
import { Reconciler, type Reconciliation } from './reconcile/reconciler.ts'
import { recover } from './recover.ts'
import { removeContainer } from './remove-container.ts'
import { removeSandbox } from './remove-sandbox.ts'
import { reopenLog } from './reopen-log.ts'
import { runSandbox } from './run-sandbox.ts'
import { startContainer } from './start-container.ts'
import { stopContainer } from './stop-container.ts'
import { stopSandbox } from './stop-sandbox.ts'
import { Takeovers } from './takeovers.ts'
import { updateContainerResources, updateSandboxResources } from './update-resources.ts'

/** Time between two looks for what nobody owns, in milliseconds. */
const reconcileMs = 60_000

/** The pod room's face: what can be done with pods, and what is known of them. Each operation is in a file of its own. */
export class Pods {
  readonly #parts: PodParts
  readonly #reconciler: Reconciler
  readonly #takeovers: Takeovers
  readonly #sandboxes: ListedRecords<SandboxRecord>
  readonly #containers: ListedRecords<ContainerRecord>
  #rounds: NodeJS.Timeout | undefined

  constructor(parts: PodParts) {
    this.#parts = parts
    this.#reconciler = new Reconciler(parts)
    this.#takeovers = new Takeovers(parts)
    this.#sandboxes = new ListedRecords(parts.sandboxes)
    this.#containers = new ListedRecords(parts.containers)
  }

  /**
   * To be called once, before anything else. From then on what nobody owns is swept, at once and every minute; nobody has to
   * wait for that.
   */
  async recover(): Promise<void> {
    this.#parts.spares.recover()
    await recover(this.#parts, this.#takeovers)
    const round = () => {
      this.reconcile().catch((error) => this.#parts.log.error({ error: messageOf(error) }, 'cannot reconcile'))
      this.#parts.spares.fillSoon()
    }
    this.#rounds = setInterval(round, reconcileMs).unref()
    round()
  }

  /** To be called after {@link recover}: NRI plugins are started and may connect, and hear of what there is. */
  startPlugins(): Promise<void> {
    return this.#parts.nri.start(nriHost(this.#parts))
  }

  /** Nothing is begun by itself any more, and what was made ahead is removed. */
  async close(): Promise<void> {
    clearInterval(this.#rounds)
    await this.#parts.spares.close()
  }

  /** What is not in order, on the machine and in the records. */
  check(): readonly Finding[] {
    return this.#reconciler.check()
  }

  /** Those of the records alone: nothing is looked for. */
  recordFindings(): readonly Finding[] {
    return this.#parts.records.findings()
  }

  /** Puts in order what can be, and answers what was not. */
  reconcile(): Promise<readonly Finding[]> {
    return this.#reconciler.run()
  }

  /** What came of that since the start. */
  get reconciliation(): Reconciliation {
    return this.#reconciler.reconciliation
  }

  runSandbox(config: PodSandboxConfig | undefined, runtimeHandler: string): Promise<string> {
    return runSandbox(this.#parts, config, runtimeHandler)
  }

  stopSandbox(id: string): Promise<void> {
    return stopSandbox(this.#parts, id)
  }

  removeSandbox(id: string): Promise<void> {
    return removeSandbox(this.#parts, id)
  }

  /** Throws not-found. */
  sandbox(id: string): SandboxRecord {
    return getSandbox(this.#parts, id)
  }

  /** Every sandbox that is there, newest first; the same array as long as none has changed. */
  sandboxes(): readonly SandboxRecord[] {
    return this.#sandboxes.all()
  }

  createContainer(sandboxId: string, config: ContainerConfig | undefined): Promise<string> {
    return createContainer(this.#parts, sandboxId, config)
  }

  startContainer(id: string): Promise<void> {
    return startContainer(this.#parts, id)
  }

  /** An unknown id is no error. */
  async stopContainer(id: string, timeoutSeconds: number): Promise<void> {
    const container = findContainer(this.#parts, id)
    if (container) await stopContainer(this.#parts, container, timeoutSeconds)
  }

  removeContainer(id: string): Promise<void> {
    return removeContainer(this.#parts, id)
  }

  /** Throws not-found. */
  container(id: string): ContainerRecord {
    return getContainer(this.#parts, id)
  }

  /** Every container that is there, newest first; the same array as long as none has changed. */
  containers(): readonly ContainerRecord[] {
    return this.#containers.all()
  }

  containersOf(sandboxId: string): ContainerRecord[] {
    return containersOf(this.#parts, sandboxId)
  }

  execSync(id: string, command: readonly string[], timeoutSeconds: number, signal: AbortSignal): Promise<ExecOutcome> {
    return execSync(this.#parts, id, command, timeoutSeconds, signal)
  }

  /** Throws not-found, or failed-precondition when it does not run. */
  runningContainer(id: string): ContainerRecord {
    return runningContainer(this.#parts, id)
  }

  /** Throws not-found, or failed-precondition when it is not ready. */
  readySandbox(id: string): SandboxRecord {
    return readySandbox(this.#parts, id)
  }

  /** Starts a command, for its stdio to be streamed. */
  exec(request: ExecRequest, signal: AbortSignal): Promise<RunningExec> {
    return exec(this.#parts, request, signal)
  }

  attach(request: AttachRequest, signal: AbortSignal): Promise<Attached> {
    return attach(this.#parts, request, signal)
  }

  /** A connection to a port on loopback inside a pod. */
  connectToPort(sandboxId: string, port: number, signal: AbortSignal): Promise<Socket> {
    return connectToPort(this.#parts, sandboxId, port, signal)
  }

  reopenLog(id: string): Promise<void> {
    return reopenLog(this.#parts, id)
  }

  updateContainerResources(id: string, asked: LinuxContainerResources | undefined): Promise<void> {
    return updateContainerResources(this.#parts, id, asked)
  }

  checkpointContainer(id: string, location: string, timeoutSeconds: number): Promise<void> {
    return checkpointContainer(this.#parts, id, location, timeoutSeconds)
  }

  updateSandboxResources(id: string, asked: Parameters<typeof updateSandboxResources>[2]): Promise<void> {
    return updateSandboxResources(this.#parts, id, asked)
  }

  describeSandbox(record: SandboxRecord): object {
    return describeSandbox(this.#parts, record)
  }

  describeContainer(record: ContainerRecord): object {
    return describeContainer(this.#parts, record)
  }

  /** Whether the default OCI runtime is there. */
  ready(): { readonly ready: boolean; readonly message: string } {
    return this.#parts.handlers.ready()
  }

  /** What is under way, oldest first. */
  operations(): readonly Operation[] {
    const stops = [...this.#parts.stops.values()].map((stop) => stop.operation())
    return [...this.#parts.operations.list(), ...stops].sort((a, b) => a.startedAt - b.startedAt)
  }

  /** The images that containers use. */
  *imagesInUse(): Generator<string> {
    for (const container of this.#parts.containers.all()) {
      yield container.imageId
      for (const { imageId } of container.imageVolumes ?? []) yield imageId
    }
  }

  /** A shim tells that a container has ended. */
  onExit(exit: ContainerExit): void {
    containerExited(this.#parts, exit)
  }

  /** A shim has died: a new one takes its containers over. */
  onShimLost(shim: string): void {
    this.#parts.log.warn({ shim }, 'a shim has died; a new one takes over its containers')
    this.#takeovers.begin(shim)
  }

  /** A shim is there, be it an old one or a new one: its containers are taken up. */
  onShimConnected(shim: string, client: ShimClient): Promise<void> {
    return reattachContainers(this.#parts, shim, client)
  }
}
