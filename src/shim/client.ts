import { closeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { errnoOf, failedPrecondition, unavailable } from '../lib/errors.ts'
import { afterSilence } from '../lib/silence.ts'
import { span } from '../lib/span.ts'
import { peerPid } from '../linux/peer.ts'
import { copyDescriptor, openPidfd, signalPidfd } from '../linux/pidfd.ts'
import { Connection } from './connection.ts'
import { type ContainerExit, protocolVersion, type ShimRequests, type StdioNumbers } from './protocol.ts'

export interface ShimListener {
  /** A container of this shim has ended; everything it wrote is in its log. */
  onExit(exit: ContainerExit): void
  /** The shim has gone. */
  onClose(): void
}

/** How long a shim may take for its first answer, in milliseconds. */
const helloPatience = 15_000

/** berthd's end of the connection to one shim. */
export class ShimClient implements Disposable {
  readonly #connection: Connection
  readonly pid: number
  /** Means that shim and no other process as long as this is open. */
  #pidfd: number | undefined
  readonly #closed = Promise.withResolvers<void>()

  private constructor(stream: Socket, listener: ShimListener) {
    this.pid = peerPid(descriptorOf(stream))
    this.#pidfd = openPidfd(this.pid)
    this.#connection = new Connection(stream, {
      onRequest: async (method) => {
        throw unavailable(`berthd answers no requests of a shim ("${method}")`)
      },
      onEvent: (event, params) => {
        if (event === 'exit') listener.onExit(params as ContainerExit)
      },
      onClose: () => {
        if (this.#pidfd !== undefined) closeSync(this.#pidfd)
        this.#pidfd = undefined
        this.#closed.resolve()
      },
    })
  }

  /**
   * Connects to the shim at `socket`. Throws ENOENT or ECONNREFUSED when there is none, unavailable when it went away meanwhile
   * or was killed because it does not answer, failed-precondition when it is newer than this berthd.
   */
  static async connect(socket: string, listener: ShimListener): Promise<ShimClient> {
    const stream = connect(socket)
    await new Promise<void>((resolve, reject) => stream.once('connect', resolve).once('error', reject)).catch(
      (error) => {
        // It died between the connection's place in its queue and its accept(2).
        throw errnoOf(error) === 'ECONNRESET' ? unavailable('the shim went away', error) : error
      },
    )
    let client: ShimClient
    try {
      client = new ShimClient(stream, listener)
    } catch (error) {
      stream.destroy()
      throw errnoOf(error) === 'ESRCH' ? unavailable('the shim went away', error) : error
    }
    try {
      await client.#greet()
    } catch (error) {
      client[Symbol.dispose]()
      throw error
    }
    void client.closed.then(() => listener.onClose())
    return client
  }

  async #greet(): Promise<void> {
    const late = new AbortController()
    using _ = afterSilence(helloPatience, () => late.abort())
    try {
      const { version } = await this.request('hello', { version: protocolVersion }, late.signal)
      if (version > protocolVersion) {
        throw failedPrecondition(
          `the shim with pid ${this.pid} is of a newer Berth: it speaks version ${version} of the protocol, this berthd ${protocolVersion}; run the newer berthd again, or remove the shim's pods with it before going back`,
        )
      }
    } catch (error) {
      if (!late.signal.aborted) throw error
      this.kill()
      throw unavailable(`the shim with pid ${this.pid} did not answer within ${helloPatience / 1000} s; it was killed`)
    }
  }

  /** Resolves when the connection has closed: the shim has gone, or this client was disposed of. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Asks whether it is there. */
  async ping(): Promise<void> {
    await this.request('hello', { version: protocolVersion })
  }

  /** For a shim that does not answer any more. Its containers go on without it. */
  kill(): void {
    try {
      if (this.#pidfd !== undefined) signalPidfd(this.#pidfd, 'SIGKILL')
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error
    }
  }

  request<Method extends keyof ShimRequests>(
    method: Method,
    params: ShimRequests[Method]['params'],
    signal?: AbortSignal,
  ): Promise<ShimRequests[Method]['result']> {
    const request = () => this.#connection.request(method, params, signal)
    return span(`shim: ${method}`, request) as Promise<ShimRequests[Method]['result']>
  }

  /** Copies of descriptors of the shim, for the caller to close: all of them or, when one cannot be copied, none. */
  copyDescriptors(fds: StdioNumbers): StdioNumbers {
    const copies: Record<string, number> = {}
    const pidfd = this.#pidfd
    if (pidfd === undefined) throw unavailable('the shim went away')
    try {
      for (const [name, fd] of Object.entries(fds)) copies[name] = copyDescriptor(pidfd, fd)
      return copies
    } catch (error) {
      for (const fd of Object.values(copies)) closeSync(fd)
      throw unavailable(
        'berthd cannot take over the streams from its shim; does the kernel forbid ptrace (kernel.yama.ptrace_scope=3)?',
        error,
      )
    }
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]()
  }
}

/** Not in the types of Node, which has it for every socket. */
function descriptorOf(stream: Socket): number {
  return (stream as Socket & { readonly _handle?: { readonly fd: number } })._handle?.fd ?? -1
}
