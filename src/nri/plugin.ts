import type { Duplex } from 'node:stream'
import {
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import {
  type Container,
  type ContainerUpdate,
  EmptySchema,
  type Event,
  EventSchema,
  Plugin as PluginService,
  type PodSandbox,
  RegisterPluginRequestSchema,
  Runtime as RuntimeService,
  type UpdateContainersRequest,
  UpdateContainersRequestSchema,
  UpdateContainersResponseSchema,
} from '../gen/nri_pb.ts'
import { failedPrecondition, messageOf, operationFailed, unavailable } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { afterSilence } from '../lib/silence.ts'
import { allEvents, eventBit, eventNames } from './events.ts'
import { checkPluginName, type PluginName } from './plugin-name.ts'
import { syncMessages } from './sync-messages.ts'
import { Mux, pluginConnection, runtimeConnection } from './wire/mux.ts'
import { TtrpcClient } from './wire/ttrpc-client.ts'
import { TtrpcServer } from './wire/ttrpc-server.ts'

/** The version of NRI whose API this is, as plugins are told. */
const nriVersion = 'v0.12.0'

/** gRPC status codes. */
const deadlineExceededCode = 4
const unimplementedCode = 12

export interface PluginSettings {
  /** Of Berth, as semver. */
  readonly version: string
  /** How long a plugin may take to register, and to take in the state of the node, in milliseconds. */
  readonly registrationTimeoutMs: number
  /** How long it may take to answer any other request, in milliseconds. */
  readonly requestTimeoutMs: number
}

export interface PluginEvents {
  /** The plugin wants containers changed of its own accord. Answers those updates that failed. */
  onUpdate(plugin: Plugin, request: UpdateContainersRequest): Promise<ContainerUpdate[]>
  /** Once, when there is no way to speak to it any more. */
  onClosed(plugin: Plugin, reason: string): void
}

/** An event that has no answer but that the plugin took it. */
type Notice = { readonly pod: PodSandbox; readonly container?: Container }

/**
 * A connected plugin. One that does not answer in time, closes its connection or does not keep to the protocol is disconnected
 * for good; what was to be done goes on without it.
 */
export class Plugin {
  readonly log: Logger
  readonly #settings: PluginSettings
  readonly #events: PluginEvents
  readonly #mux: Mux
  readonly #client: TtrpcClient
  readonly #registered = Promise.withResolvers<void>()
  #name: PluginName | undefined
  #configured = false
  #subscription = 0
  #closed: string | undefined
  /** Calls that it does not know: it is told of them by StateChange. */
  readonly #unknown = new Set<string>()

  /** @param name of a plugin that Berth has started; another says its name itself */
  constructor(stream: Duplex, settings: PluginSettings, events: PluginEvents, log: Logger, name?: PluginName) {
    this.#settings = settings
    this.#events = events
    this.#name = name
    this.log = log
    this.#registered.promise.catch(() => {})
    this.#mux = new Mux(stream, (reason) => this.#onEnd(reason))
    this.#client = new TtrpcClient((message) => this.#mux.send(pluginConnection, message))
    const server = new TtrpcServer(
      RuntimeService.typeName,
      {
        RegisterPlugin: (payload) => this.#register(payload),
        UpdateContainers: (payload) => this.#update(payload),
      },
      (message) => this.#mux.send(runtimeConnection, message),
    )
    this.#mux.open(pluginConnection, (piece) => this.#client.push(piece))
    this.#mux.open(runtimeConnection, (piece) => server.push(piece))
  }

  /** `NN-name`, as it is called in the log and where plugins see each other. */
  get name(): string {
    return this.#name ? `${this.#name.index}-${this.#name.base}` : '(unregistered)'
  }

  /** Undefined before it has registered. */
  get named(): PluginName | undefined {
    return this.#name
  }

  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  subscribes(event: Event): boolean {
    return !this.isClosed && (this.#subscription & eventBit(event)) !== 0
  }

  async #registersWithin(ms: number): Promise<void> {
    using _ = afterSilence(ms, () => this.close(`it has not registered within ${ms} ms`))
    await this.#registered.promise
  }

  /** Waits for it to register and configures it. Throws, and disconnects it, when it does not do its part. */
  async begin(config: string): Promise<void> {
    const { registrationTimeoutMs, requestTimeoutMs, version } = this.#settings
    await this.#registersWithin(registrationTimeoutMs)
    const request = {
      config,
      runtimeName: 'berth',
      runtimeVersion: version,
      registrationTimeout: BigInt(registrationTimeoutMs),
      requestTimeout: BigInt(requestTimeoutMs),
      NRIVersion: nriVersion,
    }
    const answer = await this.#client.call(PluginService.method.configure, request, requestTimeoutMs)
    if (answer.kind !== 'answered') {
      throw this.#given(`it was not configured: ${answer.kind === 'lost' ? answer.reason : answer.message}`)
    }
    const { events } = answer.value
    if ((events & ~allEvents) !== 0)
      throw this.#given(`it subscribes to unknown events (0x${(events >>> 0).toString(16)})`)
    this.#subscription = events === 0 ? allEvents : events
    this.#configured = true
    this.log.info({ plugin: this.name, events: eventNames(this.#subscription) }, 'an NRI plugin has registered')
  }

  /** Tells it what there is, in as many messages as that takes. Answers the updates that it asks for. */
  async synchronize(pods: readonly PodSandbox[], containers: readonly Container[]): Promise<ContainerUpdate[]> {
    const timeoutMs = Math.max(this.#settings.registrationTimeoutMs, this.#settings.requestTimeoutMs)
    for (const message of syncMessages(pods, containers)) {
      const answer = await this.#client.call(PluginService.method.synchronize, message, timeoutMs)
      if (answer.kind !== 'answered') {
        throw this.#given(`it was not synchronized: ${answer.kind === 'lost' ? answer.reason : answer.message}`)
      }
      if (!message.more) return answer.value.update
      if (!answer.value.more || answer.value.update.length > 0) {
        throw this.#given('it cannot take a list of pods and containers that comes in several messages')
      }
    }
    return []
  }

  /**
   * Asks it about something that it can refuse, which throws. Undefined when it is not subscribed, or is lost on the way.
   */
  async ask<I extends DescMessage, O extends DescMessage>(
    event: Event,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O> | undefined> {
    if (!this.subscribes(event)) return undefined
    const answer = await this.#client.call(method, request, this.#settings.requestTimeoutMs)
    if (answer.kind === 'answered') return answer.value
    if (answer.kind === 'refused' && answer.code !== deadlineExceededCode) {
      throw operationFailed(`NRI plugin "${this.name}" refused ${method.name}: ${answer.message}`)
    }
    this.close(answer.kind === 'lost' ? answer.reason : `it has not done ${method.name} in time: ${answer.message}`)
    return undefined
  }

  /** The same for an event without an answer. A plugin of an older API is told in the older way. */
  async tell<I extends DescMessage, O extends DescMessage>(
    event: Event,
    method: DescMethodUnary<I, O>,
    notice: Notice,
  ): Promise<void> {
    if (!this.subscribes(event)) return
    if (!this.#unknown.has(method.name)) {
      const request = notice as unknown as MessageInitShape<I>
      const answer = await this.#client.call(method, request, this.#settings.requestTimeoutMs)
      if (answer.kind === 'answered') return
      if (answer.kind === 'lost') return this.close(answer.reason)
      if (answer.code === deadlineExceededCode) return this.close(`it has not done ${method.name} in time`)
      if (answer.code !== unimplementedCode) {
        throw operationFailed(`NRI plugin "${this.name}" refused ${method.name}: ${answer.message}`)
      }
      this.#unknown.add(method.name)
      this.log.info(
        { plugin: this.name, event: EventSchema.value[event]?.name },
        'told by StateChange: the plugin is older',
      )
    }
    await this.ask(event, PluginService.method.stateChange, { event, ...notice })
  }

  /** Berth ends: a plugin that wants to know is told; it may take a moment. */
  async shutdown(): Promise<void> {
    const patience = Math.min(this.#settings.requestTimeoutMs, 500)
    if (!this.isClosed) await this.#client.call(PluginService.method.shutdown, {}, patience)
    this.close('Berth ends')
  }

  close(reason: string): void {
    this.#mux.end(reason)
  }

  /** Closes it; an error that says so. */
  #given(reason: string): Error {
    this.close(reason)
    return unavailable(`NRI plugin "${this.name}": ${reason}`)
  }

  #onEnd(reason: string): void {
    this.#closed = reason
    this.#client.close(reason)
    this.#registered.reject(unavailable(`NRI plugin "${this.name}" did not register: ${reason}`))
    this.#events.onClosed(this, reason)
  }

  #register(payload: Uint8Array): Uint8Array {
    const { pluginName, pluginIdx } = fromBinary(RegisterPluginRequestSchema, payload)
    if (this.#configured) throw failedPrecondition('the plugin has registered already')
    try {
      this.#name ??= checkPluginName({ index: pluginIdx, base: pluginName })
    } catch (error) {
      // After its answer is on the way.
      setImmediate(() => this.close(messageOf(error)))
      throw error
    }
    this.#registered.resolve()
    return toBinary(EmptySchema, { $typeName: 'nri.pkg.api.v1alpha1.Empty' })
  }

  async #update(payload: Uint8Array): Promise<Uint8Array> {
    const request = fromBinary(UpdateContainersRequestSchema, payload)
    if (!this.#configured) throw failedPrecondition('a plugin must register before it asks for updates')
    const failed = await this.#events.onUpdate(this, request)
    return toBinary(UpdateContainersResponseSchema, {
      $typeName: 'nri.pkg.api.v1alpha1.UpdateContainersResponse',
      failed,
    })
  }
}
