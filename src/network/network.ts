import { statfsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { cancelled, failedPrecondition, messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { KeyedQueue } from '../lib/keyed-queue.ts'
import type { Logger } from '../lib/log.ts'
import type { Reaper } from '../linux/reaper.ts'
import type { Database } from '../state/database.ts'
import { type RecordProblem, RecordTable } from '../state/record-table.ts'
import { type IpPreference, podAddresses } from './addresses.ts'
import { type AttachmentRecord, attachmentRecords } from './attachment-record.ts'
import { defaultConfDir } from './configuration-folder.ts'
import { ConfiguredNetwork } from './configured-network.ts'
import { netnsMissing, networkNotReady } from './errors.ts'
import type { NetworkConfiguration } from './network-configuration.ts'
import { asksForPod } from './indifferent-plugins.ts'
import { PluginChain, type PluginHost } from './plugin-chain.ts'
import { defaultBinDirs } from './plugin-lookup.ts'
import type { PluginResult } from './plugin-output.ts'
import { baseEnvironment, type RuntimeArguments } from './plugin-request.ts'
import { argumentsAhead, mappedPorts, podArguments, podInterfaceName } from './pod-arguments.ts'
import type {
  AttachConditions,
  Attachment,
  AttachmentEntry,
  AttachRequest,
  NetworkPort,
  NetworkReadiness,
} from './port.ts'

/** What of a network's settings may become another while pods are attached. */
export interface NetworkSettings {
  /** Where the configuration is; default {@link defaultConfDir}. */
  readonly confDir?: string
  /** Where plugins are; default {@link defaultBinDirs}. */
  readonly binDirs?: readonly string[]
  /** For one call of one plugin, in milliseconds; default 60 s. */
  readonly pluginMs?: number
}

export interface NetworkOptions extends NetworkSettings {
  readonly ipPreference?: IpPreference
  readonly database: Database
  readonly reaper: Reaper
  readonly log: Logger
  /** Between two looks at the configuration and the plugins' STATUS, in milliseconds; default 5 s. */
  readonly checkMs?: number
}

/** A sandbox that is or may be attached, by a record that nobody can read. */
interface LostAttachment {
  readonly error: string
  /** Empty when it is not known. */
  readonly netnsPath: string
}

/** NSFS_MAGIC of `<linux/magic.h>`: what a pinned namespace looks like to statfs(2). */
const nsfsMagic = 0x6e736673

/** The network of pods by CNI plugins. See {@link NetworkPort}. */
export class Network implements NetworkPort {
  readonly #options: NetworkOptions
  #host: PluginHost
  #configured: ConfiguredNetwork
  readonly #ipPreference: IpPreference
  readonly #log: Logger
  readonly #table: RecordTable<AttachmentRecord>
  readonly #records: Map<string, AttachmentRecord>
  /** Sandboxes whose record cannot be read, with the reason. Their rows stay until they are detached, and a copy after that. */
  readonly #unreadable: Map<string, LostAttachment>
  /** What was not as it should be when the records were loaded. */
  readonly problems: readonly RecordProblem[]
  readonly #queue = new KeyedQueue()

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#host = pluginHost(options.reaper, options)
    this.#log = options.log
    this.#ipPreference = options.ipPreference ?? 'ipv4'
    this.#configured = this.#configuredBy(options)
    this.#table = new RecordTable(options.database, attachmentRecords)
    const { records, unreadable, problems } = this.#table.load()
    this.#records = records
    this.problems = problems
    this.#unreadable = new Map(unreadable.map(({ id, error }) => [id, { error: messageOf(error), netnsPath: '' }]))
  }

  /** Reads the configuration and keeps an eye on it. */
  start(): void {
    this.#configured.start()
  }

  /** From the next attachment on it is these. Work under way goes on as it was begun. */
  reconfigure(settings: NetworkSettings): void {
    this.#configured.close()
    this.#host = pluginHost(this.#options.reaper, settings)
    this.#configured = this.#configuredBy(settings)
    this.#configured.start()
  }

  #configuredBy({ confDir = defaultConfDir }: NetworkSettings): ConfiguredNetwork {
    const { log, checkMs = 5_000 } = this.#options
    return new ConfiguredNetwork({ folder: confDir, host: this.#host, log, checkMs })
  }

  /** Stops looking. Work under way goes on to its end. */
  close(): void {
    this.#configured.close()
  }

  ready(): NetworkReadiness {
    return this.#configured.readiness
  }

  attachments(): readonly AttachmentEntry[] {
    return [...[...this.#records.values()].map(entryOf), ...[...this.#unreadable].map(unreadableEntry)]
  }

  attach(request: AttachRequest, conditions: AttachConditions = {}): Promise<Attachment> {
    return this.#queue.run(request.sandboxId, () => this.#attach(request, conditions))
  }

  attachAhead(sandboxId: string, netnsPath: string): Promise<boolean> {
    return this.#queue.run(sandboxId, async () => {
      const configuration = this.#configured.forAttach()
      if (typeof configuration === 'string') throw networkNotReady(configuration)
      if (asksForPod(configuration, this.#host.binDirs)) return false
      await this.#attachTo(configuration, { runtime: argumentsAhead(sandboxId, netnsPath), hostPorts: [], ahead: true })
      return true
    })
  }

  suits(request: AttachRequest): boolean {
    const known = this.#records.get(request.sandboxId)
    if (!known?.ahead || !isStillThere(known, request) || mappedPorts(request).length > 0) return false
    const configuration = this.#configured.forAttach()
    if (typeof configuration === 'string' || !isDeepStrictEqual(configuration, known.configuration)) return false
    const { capabilityArgs } = onlyWanted(podArguments(request), configuration)
    return Object.keys(capabilityArgs).length === 0
  }

  detach(sandboxId: string): Promise<void> {
    return this.#queue.run(sandboxId, () => this.#detach(sandboxId))
  }

  presume(sandboxId: string, netnsPath: string): void {
    if (this.#records.has(sandboxId)) return
    const { error = 'it was lost' } = this.#unreadable.get(sandboxId) ?? {}
    this.#unreadable.set(sandboxId, { error, netnsPath })
  }

  async #attach(request: AttachRequest, { signal, ready }: AttachConditions): Promise<Attachment> {
    if (signal?.aborted) throw cancelled('attaching to the network was given up before it began', signal.reason)
    const { sandboxId } = request
    const runtime = podArguments(request)
    const hostPorts = mappedPorts(request)
    if (this.#unreadable.has(sandboxId)) {
      throw failedPrecondition(`sandbox "${sandboxId}" has an attachment record that cannot be read`)
    }
    const known = this.#records.get(sandboxId)
    if (known) {
      await ready
      if (known.attachment && this.suits(request)) return this.#handOver(known, known.attachment, runtime)
      if (known.attachment && !known.ahead && isStillThere(known, request)) return known.attachment
      await this.#delete(known)
    }
    const configuration = this.#configured.forAttach()
    if (typeof configuration === 'string') throw networkNotReady(configuration)
    this.#warnOfUnusedPorts(sandboxId, configuration, hostPorts.length)
    return await this.#attachTo(configuration, { runtime, hostPorts }, { signal, ready })
  }

  /** What was attached ahead has its pod now. */
  #handOver(ahead: AttachmentRecord, attachment: Attachment, runtime: RuntimeArguments): Attachment {
    const { ahead: _, ...record } = ahead
    this.#put({ ...record, runtime: onlyWanted(runtime, record.configuration) })
    return attachment
  }

  async #attachTo(
    configuration: NetworkConfiguration,
    wanted: Pick<AttachmentRecord, 'runtime' | 'hostPorts' | 'ahead'>,
    { signal, ready }: AttachConditions = {},
  ): Promise<Attachment> {
    const runtime = onlyWanted(wanted.runtime, configuration)
    const adding = { ...wanted, stage: 'adding', configuration, runtime } as const
    this.#put(adding)
    faultPoint('network:attachment-recorded')
    using chain = new PluginChain(this.#host, 'ADD', configuration, runtime)
    try {
      await ready
      if (!isNetns(runtime.netnsPath)) throw netnsMissing(runtime.netnsPath, configuration.name)
      // What the plugins do (addresses, rules) may outlive a power cut.
      await this.#table.durable()
    } catch (error) {
      // No plugin was told anything.
      this.#forget(runtime.containerId)
      throw error
    }
    return await this.#add(chain, adding, signal)
  }

  async #add(chain: PluginChain, adding: AttachmentRecord, signal: AbortSignal | undefined): Promise<Attachment> {
    const started = performance.now()
    const sandboxId = adding.runtime.containerId
    let lastResult: PluginResult | undefined
    try {
      const result = await chain.add(signal, (each) => {
        lastResult = each
      })
      faultPoint('network:plugins-added')
      const attachment = this.#attachmentOf(adding, result)
      this.#put({ ...adding, stage: 'attached', attachment })
      faultPoint('network:attached')
      const ms = Math.round(performance.now() - started)
      this.#log.debug({ sandboxId, network: attachment.network, ips: attachment.ips, ms }, 'attached to the network')
      return attachment
    } catch (error) {
      await this.#undo({ ...adding, ...(lastResult ? { lastResult } : {}) })
      throw error
    }
  }

  #attachmentOf(record: AttachmentRecord, result: PluginResult): Attachment {
    const { configuration, runtime, hostPorts } = record
    const ips = podAddresses(result, runtime.interfaceName, this.#ipPreference)
    if (ips.length === 0) {
      throw failedPrecondition(
        `the plugins of network "${configuration.name}" gave the pod no address on ${runtime.interfaceName}; ` +
          'check the "ipam" part of the CNI configuration',
      )
    }
    const { nameservers, search, options } = result.dns ?? {}
    return {
      ips,
      interfaceName: podInterfaceName,
      network: configuration.name,
      result,
      dns: { servers: nameservers ?? [], searches: search ?? [], options: options ?? [] },
      hostPorts,
    }
  }

  async #undo(record: AttachmentRecord): Promise<void> {
    try {
      await this.#delete(record)
    } catch (error) {
      const sandboxId = record.runtime.containerId
      this.#log.error(
        { sandboxId, error: messageOf(error) },
        'a failed attachment could not be undone; it stays on record',
      )
    }
  }

  async #detach(sandboxId: string): Promise<void> {
    const record = this.#records.get(sandboxId)
    if (record) await this.#delete(record)
    const lost = this.#unreadable.get(sandboxId)
    if (!record && lost) await this.#deleteLost(sandboxId, lost)
  }

  /**
   * Runs DEL and forgets the record.
   * A namespace that is gone (a reboot, somebody else) leaves addresses, port mappings and the like to be released.
   */
  async #delete(record: AttachmentRecord): Promise<void> {
    const { runtime, configuration, attachment, lastResult } = record
    this.#note({ ...record, stage: 'detaching' })
    try {
      faultPoint('network:detachment-recorded')
      const netnsPath = isNetns(runtime.netnsPath) ? runtime.netnsPath : ''
      using chain = new PluginChain(this.#host, 'DEL', configuration, { ...runtime, netnsPath })
      await chain.delete(attachment?.result ?? lastResult)
      faultPoint('network:plugins-deleted')
    } catch (error) {
      this.#note({ ...record, stage: 'detaching', error: messageOf(error) })
      throw error
    }
    this.#forget(runtime.containerId)
    faultPoint('network:detached')
  }

  #forget(sandboxId: string): void {
    this.#table.delete(sandboxId)
    this.#records.delete(sandboxId)
  }

  /** The best that can be done: DEL by the sandbox's id with today's configuration. */
  async #deleteLost(sandboxId: string, lost: LostAttachment): Promise<void> {
    const configuration = this.#configured.forAttach()
    if (typeof configuration === 'string') throw networkNotReady(configuration)
    const args = [['IgnoreUnknown', '1']] as const
    const netnsPath = isNetns(lost.netnsPath) ? lost.netnsPath : ''
    const runtime = { containerId: sandboxId, netnsPath, interfaceName: podInterfaceName, args, capabilityArgs: {} }
    using chain = new PluginChain(this.#host, 'DEL', configuration, runtime, { all: true })
    await chain.delete(undefined)
    this.#table.delete(sandboxId)
    this.#unreadable.delete(sandboxId)
  }

  #put(record: AttachmentRecord): void {
    this.#table.put(record.runtime.containerId, record)
    this.#records.set(record.runtime.containerId, record)
  }

  /** Undoing goes on when the disk is full. */
  #note(record: AttachmentRecord): void {
    this.#records.set(record.runtime.containerId, record)
    this.#table.note(record.runtime.containerId, record)
  }

  #warnOfUnusedPorts(sandboxId: string, { name, plugins }: NetworkConfiguration, count: number): void {
    if (count === 0 || plugins.some(({ capabilities }) => capabilities?.portMappings)) return
    this.#log.warn({ sandboxId, network: name }, 'no plugin of the network maps host ports (portmap); the pod has none')
  }
}

function pluginHost(reaper: Reaper, { binDirs = defaultBinDirs, pluginMs = 60_000 }: NetworkSettings): PluginHost {
  return { reaper, binDirs, environment: baseEnvironment(process.env), timeoutMs: pluginMs }
}

/** What no plugin asks for (all annotations of the pod, mostly) need not be on record. */
function onlyWanted(runtime: RuntimeArguments, { plugins }: NetworkConfiguration): RuntimeArguments {
  const wanted = Object.entries(runtime.capabilityArgs).filter(([capability]) =>
    plugins.some(({ capabilities }) => capabilities?.[capability]),
  )
  return { ...runtime, capabilityArgs: Object.fromEntries(wanted) }
}

/** Whether the sandbox is attached already, in the same namespace. */
function isStillThere(known: AttachmentRecord, { netnsPath }: AttachRequest): boolean {
  return known.stage === 'attached' && known.runtime.netnsPath === netnsPath && isNetns(netnsPath)
}

function isNetns(path: string): boolean {
  try {
    return statfsSync(path).type === nsfsMagic
  } catch {
    return false
  }
}

function entryOf({ runtime, configuration, stage, attachment, error, ahead }: AttachmentRecord): AttachmentEntry {
  return {
    sandboxId: runtime.containerId,
    netnsPath: runtime.netnsPath,
    network: configuration.name,
    stage,
    ...(attachment ? { attachment } : {}),
    ...(error === undefined ? {} : { error }),
    ...(ahead ? { ahead } : {}),
  }
}

function unreadableEntry([sandboxId, { netnsPath, error }]: [string, LostAttachment]): AttachmentEntry {
  return { sandboxId, netnsPath, network: '', stage: 'unreadable', error }
}
