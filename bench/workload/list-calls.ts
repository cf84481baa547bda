import { type DescMethod, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { Client, credentials } from '@grpc/grpc-js'
import { ContainerState, RuntimeService } from '../../src/client/index.ts'
import { serveFake } from '../../src/client/testing/serve.ts'

/** RPCs that list all that there is of something. */
export type ListMethod = (typeof RuntimeService)['method']['listContainers' | 'listPodSandbox' | 'listContainerStats']

/** After so many calls Node has compiled what there is to compile of the client. */
const warmUpCalls = 1000
/** Of the answers meanwhile. */
const warmUpItems = 50

/** A connection of its own to a runtime, for lists. */
export class ListCalls implements Disposable {
  readonly #client: Client

  /** @param socket the path of its CRI socket */
  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
      'grpc.default_authority': 'localhost',
    })
  }

  /**
   * Asks without a filter. The time, in milliseconds, ends with the answer's last byte: what the client does to make objects of
   * it takes as long for every runtime, and for 500 containers longer than everything else together.
   */
  async call<Method extends ListMethod>(
    method: Method,
  ): Promise<{ readonly ms: number; readonly answer: MessageShape<Method['output']> }> {
    const start = performance.now()
    const bytes = await this.#bytesOf(method)
    const ms = performance.now() - start
    return { ms, answer: fromBinary<Method['output']>(method.output, bytes) }
  }

  #bytesOf(method: DescMethod): Promise<Buffer> {
    const same = (bytes: Buffer) => bytes
    return new Promise((resolve, reject) => {
      const path = `/${method.parent.typeName}/${method.name}`
      this.#client.makeUnaryRequest(path, same, same, Buffer.alloc(0), (error, answer) =>
        answer ? resolve(answer) : reject(error),
      )
    })
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

/** Makes calls to a server of this process, so that the first runtime is not measured with a client that is cold yet. */
export async function warmUpListCalls(): Promise<void> {
  const containers = Array.from({ length: warmUpItems }, (_, at) => ({
    id: String(at).padStart(64, '0'),
    state: ContainerState.CONTAINER_RUNNING,
    labels: { name: 'warm-up' },
  }))
  await using server = await serveFake({ runtime: { listContainers: () => ({ containers }) } })
  using lists = new ListCalls(server.path)
  for (let at = 0; at < warmUpCalls; at++) await lists.call(RuntimeService.method.listContainers)
}
