import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf'
import {
  type Container,
  Plugin as PluginService,
  type PodSandbox,
  Runtime as RuntimeService,
  type UpdateContainersRequestSchema,
} from '../gen/nri_pb.ts'
import { Mux, pluginConnection, runtimeConnection } from './wire/mux.ts'
import { type Answer, TtrpcClient } from './wire/ttrpc-client.ts'
import { type Method, TtrpcServer } from './wire/ttrpc-server.ts'

/** What a plugin was called with. */
export interface SeenCall {
  /** `CreateContainer`, … */
  readonly method: string
  readonly request: { readonly pod?: PodSandbox; readonly container?: Container } & Record<string, unknown>
}

/** What a plugin does when it is called; what it throws is its answer. Nothing means an empty answer. */
export type Script = Readonly<Record<string, (request: never) => unknown>>

/** The other side, for tests: a plugin that does what its script says, and remembers what it was called with. */
export class ScriptedPlugin implements Disposable {
  readonly seen: SeenCall[] = []
  readonly #stream: Duplex
  readonly #client: TtrpcClient
  readonly #waiting = new Set<() => void>()
  readonly ended: Promise<string>

  /** @param unknown calls that it does not know */
  constructor(stream: Duplex, script: Script = {}, unknown: readonly string[] = []) {
    this.#stream = stream
    const end = Promise.withResolvers<string>()
    this.ended = end.promise
    const mux = new Mux(stream, (reason) => {
      this.#client.close(reason)
      end.resolve(reason)
    })
    this.#client = new TtrpcClient((message) => mux.send(runtimeConnection, message))
    const methods = Object.fromEntries(
      PluginService.methods
        .filter(({ name }) => !unknown.includes(name))
        .map((method) => [method.name, this.#method(method, script)]),
    )
    const server = new TtrpcServer(PluginService.typeName, methods, (message) => mux.send(pluginConnection, message))
    mux.open(pluginConnection, (piece) => server.push(piece))
    mux.open(runtimeConnection, (piece) => this.#client.push(piece))
  }

  /** One that has connected and was told of all there is. */
  static async connect(
    path: string,
    name: string,
    script: Script = {},
    unknown: readonly string[] = [],
  ): Promise<ScriptedPlugin> {
    const plugin = new ScriptedPlugin(await connected(path), script, unknown)
    await plugin.register(name)
    await plugin.called('Synchronize')
    return plugin
  }

  /** @param name `NN-name` */
  register(name: string): Promise<Answer<unknown>> {
    const request = { pluginIdx: name.slice(0, 2), pluginName: name.slice(3), NRIVersion: 'v0.12.0' }
    return this.#client.call(RuntimeService.method.registerPlugin, request, 10_000)
  }

  updateContainers(request: MessageInitShape<typeof UpdateContainersRequestSchema>) {
    return this.#client.call(RuntimeService.method.updateContainers, request, 10_000)
  }

  /** The calls of a method, of one pod or container only if its id is given. */
  calls(method: string, id?: string): SeenCall[] {
    const isOf = ({ request }: SeenCall) => id === undefined || (request.container?.id ?? request.pod?.id) === id
    return this.seen.filter((call) => call.method === method && isOf(call))
  }

  /** Waits for the first such call. */
  async called(method: string, id?: string): Promise<SeenCall> {
    for (;;) {
      const [call] = this.calls(method, id)
      if (call) return call
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  [Symbol.dispose](): void {
    this.#stream.destroy()
  }

  #method(method: DescMethod, script: Script): Method {
    const { name, input, output } = method as { name: string; input: DescMessage; output: DescMessage }
    return async (payload) => {
      const request = fromBinary(input, payload)
      this.seen.push({ method: name, request: request as unknown as SeenCall['request'] })
      for (const wake of this.#waiting) wake()
      this.#waiting.clear()
      // In tests of split messages the plugin says that it takes them.
      const more = name === 'Synchronize' && 'more' in request ? { more: request.more } : {}
      const answer = (await script[name]?.(request as never)) ?? more
      return toBinary(output, create(output, answer as MessageInitShape<typeof output>))
    }
  }
}

async function connected(path: string): Promise<Socket> {
  const socket = connect(path)
  await once(socket, 'connect')
  return socket
}
