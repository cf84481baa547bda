import { create, type DescMessage, type DescMethodUnary } from '@bufbuild/protobuf'
import type { LinuxContainerResources } from '../gen/cri_pb.ts'
import {
  type Container,
  type ContainerEviction,
  type ContainerUpdate,
  Event,
  LinuxResourcesSchema,
  Plugin as PluginService,
  type PodSandbox,
  PodSandboxSchema,
} from '../gen/nri_pb.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { Reaper } from '../linux/reaper.ts'
import type { HostFacts } from '../oci/host-facts.ts'
import type { Spec } from '../oci/runtime-spec.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { withAdjustment } from './apply/apply-adjustment.ts'
import { askForAdjustment } from './ask-for-adjustment.ts'
import { mergeResources } from './merge/merge-resources.ts'
import { UpdateMerge } from './merge/merge-updates.ts'
import { Owners } from './merge/owners.ts'
import { containerMessage } from './messages/container.ts'
import { podMessage } from './messages/pod.ts'
import { resourcesOfCri } from './messages/resources.ts'
import { criResources } from './messages/to-cri.ts'
import type { Plugin } from './plugin.ts'
import { Plugins, type PluginsSettings } from './plugins.ts'
import type { NriHost, NriPort, SandboxResources } from './port.ts'
import { applyChanges, type Changes } from './apply-changes.ts'
import type { ValidatorSettings } from './validator.ts'

export interface NriSettings extends PluginsSettings {
  /** Absent: plugins may do whatever they can. */
  readonly validator?: ValidatorSettings | undefined
  /** Folders with descriptions of CDI devices; later ones go before earlier ones. */
  readonly cdiDirs: readonly string[]
}

const methods = PluginService.method

/** The Node Resource Interface: plugins that are told of pods and containers, and may change the containers. */
export class Nri implements NriPort {
  readonly #settings: NriSettings
  readonly #log: Logger
  readonly #plugins: Plugins
  #host: NriHost | undefined
  /** What is being made and was announced already: a plugin that comes now must hear of it. */
  readonly #madePods = new Set<string>()
  readonly #stoppedPods = new Set<string>()
  readonly #madeContainers = new Map<string, Spec>()

  constructor(settings: NriSettings, reaper: Reaper, log: Logger) {
    this.#settings = settings
    this.#log = log
    const events = {
      synchronize: (plugin: Plugin) => this.#synchronize(plugin),
      update: (plugin: Plugin, { update, evict }: Pick<Changes, 'update' | 'evict'>) =>
        this.#apply({ update, evict, by: plugin.name }),
    }
    this.#plugins = new Plugins(settings, events, reaper, log)
  }

  async start(host: NriHost): Promise<void> {
    this.#host = host
    await this.#plugins.start()
  }

  close(): Promise<void> {
    return this.#plugins.close()
  }

  async runSandbox(sandbox: SandboxRecord): Promise<void> {
    this.#madePods.add(sandbox.id)
    if (this.#plugins.none) return
    const pod = this.#pod(sandbox)
    await this.#plugins.turn(async (plugins) => {
      for (const plugin of plugins) await plugin.tell(Event.RUN_POD_SANDBOX, methods.runPodSandbox, { pod })
    })
  }

  sandboxUndone(sandbox: SandboxRecord): void {
    this.#madePods.delete(sandbox.id)
    this.#tell(Event.STOP_POD_SANDBOX, methods.stopPodSandbox, sandbox)
    this.#tell(Event.REMOVE_POD_SANDBOX, methods.removePodSandbox, sandbox)
  }

  async updateSandbox(sandbox: SandboxRecord, asked: SandboxResources): Promise<void> {
    if (this.#plugins.none) return
    const overhead = resourcesOfCri(asked.overhead)
    const resources = resourcesOfCri(asked.resources)
    const request = {
      pod: this.#pod(sandbox),
      ...(overhead && { overheadLinuxResources: overhead }),
      ...(resources && { linuxResources: resources }),
    }
    await this.#plugins.turn(async (plugins) => {
      for (const plugin of plugins) await plugin.ask(Event.UPDATE_POD_SANDBOX, methods.updatePodSandbox, request)
    })
  }

  sandboxUpdated(sandbox: SandboxRecord): void {
    this.#tell(Event.POST_UPDATE_POD_SANDBOX, methods.postUpdatePodSandbox, sandbox)
  }

  async stopSandbox(sandbox: SandboxRecord): Promise<void> {
    // A stop that failed later on is repeated; plugins hear of it once.
    if (this.#plugins.none || this.#stoppedPods.has(sandbox.id)) return
    this.#stoppedPods.add(sandbox.id)
    await this.#tell(Event.STOP_POD_SANDBOX, methods.stopPodSandbox, sandbox)
  }

  sandboxRemoved(sandbox: SandboxRecord): void {
    this.#madePods.delete(sandbox.id)
    this.#stoppedPods.delete(sandbox.id)
    this.#tell(Event.REMOVE_POD_SANDBOX, methods.removePodSandbox, sandbox)
  }

  async createContainer(record: ContainerRecord, spec: Spec, host: HostFacts): Promise<Spec> {
    this.#madeContainers.set(record.id, spec)
    const { validator, cdiDirs } = this.#settings
    if (this.#plugins.none && !validator) return spec
    const { pod, container } = this.#podAndContainer(record)
    const asked = await this.#plugins.turn((plugins) => askForAdjustment({ plugins, pod, container, validator }))
    const adjusted = asked.adjust ? withAdjustment(spec, asked.adjust, { host, cdiDirs }) : spec
    this.#madeContainers.set(record.id, adjusted)
    await this.#applySoon(asked.changes)
    return adjusted
  }

  containerUndone(record: ContainerRecord): void {
    this.containerEnded(record)
    this.#tell(Event.REMOVE_CONTAINER, methods.removeContainer, record)
    this.#madeContainers.delete(record.id)
  }

  containerCreated(record: ContainerRecord): void {
    this.#tell(Event.POST_CREATE_CONTAINER, methods.postCreateContainer, record)
    this.#madeContainers.delete(record.id)
  }

  async startContainer(record: ContainerRecord): Promise<void> {
    if (this.#plugins.none) return
    const notice = this.#podAndContainer(record)
    await this.#plugins.turn(async (plugins) => {
      for (const plugin of plugins) await plugin.tell(Event.START_CONTAINER, methods.startContainer, notice)
    })
  }

  containerStarted(record: ContainerRecord): void {
    this.#tell(Event.POST_START_CONTAINER, methods.postStartContainer, record)
  }

  async updateContainer(record: ContainerRecord, asked: LinuxContainerResources): Promise<LinuxContainerResources> {
    if (this.#plugins.none) return asked
    const notice = this.#podAndContainer(record)
    const wanted = await this.#plugins.turn(async (plugins) => {
      const updates = new UpdateMerge(new Owners())
      const evict: ContainerEviction[] = []
      for (const plugin of plugins) {
        // Each plugin sees what those before it have made of the request.
        const linuxResources = resourcesOfCri(asked) ?? create(LinuxResourcesSchema)
        const own = updates.of(record.id)
        if (own) mergeResources(linuxResources, own)
        const request = { ...notice, linuxResources }
        const answer = await plugin.ask(Event.UPDATE_CONTAINER, methods.updateContainer, request)
        if (!answer) continue
        updates.add(answer.update, plugin.name)
        evict.push(...answer.evict)
      }
      return { updates, evict }
    })
    const own = wanted.updates.of(record.id)
    const result = own ? criResources(own, asked) : asked
    const others = wanted.updates.updates.filter(({ containerId }) => containerId !== record.id)
    await this.#applySoon({ update: others, evict: wanted.evict, by: 'the update of another container' })
    return result
  }

  containerUpdated(record: ContainerRecord): void {
    this.#tell(Event.POST_UPDATE_CONTAINER, methods.postUpdateContainer, record)
  }

  containerEnded(record: ContainerRecord): void {
    if (this.#plugins.none) return
    const notice = this.#podAndContainer(record)
    const work = async () => {
      const updates = new UpdateMerge(new Owners())
      await this.#plugins.turn(async (plugins) => {
        for (const plugin of plugins) {
          const answer = await this.#logged(plugin.ask(Event.STOP_CONTAINER, methods.stopContainer, notice))
          if (answer) updates.add(answer.update, plugin.name)
        }
      })
      await this.#apply({ update: updates.updates, evict: [], by: 'the end of another container' })
    }
    void this.#logged(work())
  }

  containerRemoved(record: ContainerRecord): void {
    // Of one that never ran no plugin has heard that it is over.
    if (record.state.phase === 'created') this.containerEnded(record)
    this.#tell(Event.REMOVE_CONTAINER, methods.removeContainer, record)
  }

  async #synchronize(plugin: Plugin): Promise<readonly ContainerUpdate[]> {
    const host = this.#host as NriHost
    const isThere = (
      made: ReadonlySet<string> | ReadonlyMap<string, unknown>,
      record: SandboxRecord | ContainerRecord,
    ) => record.state.phase !== 'exited' && (record.state.phase !== 'creating' || made.has(record.id))
    const pods = [...host.sandboxes()].filter((record) => isThere(this.#madePods, record))
    const containers = [...host.containers()].filter((record) => isThere(this.#madeContainers, record))
    return plugin.synchronize(
      pods.map((record) => this.#pod(record)),
      containers.map((record) => this.#podAndContainer(record).container),
    )
  }

  /** Tells of what has happened, which nobody can refuse; it can be waited for, but need not. */
  async #tell<I extends DescMessage, O extends DescMessage>(
    event: Event,
    method: DescMethodUnary<I, O>,
    record: SandboxRecord | ContainerRecord,
  ): Promise<void> {
    if (this.#plugins.none) return
    // As it is now: by the time that its turn comes it may be gone.
    const notice = 'sandboxId' in record ? this.#podAndContainer(record) : { pod: this.#pod(record) }
    await this.#plugins.turn(async (plugins) => {
      for (const plugin of plugins) await this.#logged(plugin.tell(event, method, notice))
    })
  }

  async #logged<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'an NRI plugin objects to what has happened already')
      return undefined
    }
  }

  #pod(record: SandboxRecord): PodSandbox {
    return podMessage(record, this.#host?.namespaces(record) ?? [])
  }

  #podAndContainer(record: ContainerRecord): { readonly pod: PodSandbox; readonly container: Container } {
    const sandbox = this.#host?.sandbox(record.sandboxId)
    const spec = this.#madeContainers.get(record.id) ?? this.#host?.spec(record.id)
    const container = containerMessage(record, spec, this.#host?.imageDigest(record) ?? '')
    const pod = sandbox ? this.#pod(sandbox) : create(PodSandboxSchema, { id: record.sandboxId })
    return { pod, container }
  }

  #apply(changes: Changes): Promise<ContainerUpdate[]> {
    return applyChanges(this.#host as NriHost, changes, this.#log)
  }

  /** What plugins want of other containers may have to wait for those: this container waits for a while only. */
  async #applySoon(changes: Changes): Promise<void> {
    if (changes.update.length === 0 && changes.evict.length === 0) return
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#settings.requestTimeoutMs)
    await Promise.race([this.#logged(this.#apply(changes)), late])
    clearTimeout(timer)
  }
}
