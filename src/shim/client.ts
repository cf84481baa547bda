import { closeSync } from 'node:fs'
import { connect } from 'node:net'
import { unavailable } from '../lib/errors.ts'
import { copyDescriptor, openPidfd } from '../linux/pidfd.ts'
import { Connection } from './connection.ts'
import { type ContainerExit, protocolVersion, type ShimRequests, type StdioNumbers } from './protocol.ts'

export interface ShimListener {
  /** A container of this shim has ended; everything it wrote is in its log. */
  onExit(exit: ContainerExit): void
  /** The shim has gone. */
  onClose(): void
}

/** berthd's end of the connection to one shim. */
export class ShimClient implements Disposable {
  readonly #connection: Connection
  readonly pid: number

  private constructor(connection: Connection, pid: number) {
    this.#connection = connection
    this.pid = pid
  }

  /** Connects to the shim at `socket`. Throws ENOENT or ECONNREFUSED when there is none. */
  static async connect(socket: string, listener: ShimListener): Promise<ShimClient> {
    const stream = connect(socket)
    await new Promise<void>((resolve, reject) => stream.once('connect', resolve).once('error', reject))
    const connection = new Connection(stream, {
      onRequest: async (method) => {
        throw unavailable(`berthd answers no requests of a shim ("${method}")`)
      },
      onEvent: (event, params) => {
        if (event === 'exit') listener.onExit(params as ContainerExit)
      },
      onClose: () => listener.onClose(),
    })
    const hello = (await connection.request('hello', { version: protocolVersion })) as ShimRequests['hello']['result']
    return new ShimClient(connection, hello.pid)
  }

  request<Method extends keyof ShimRequests>(
    method: Method,
    params: ShimRequests[Method]['params'],
    signal?: AbortSignal,
  ): Promise<ShimRequests[Method]['result']> {
    return this.#connection.request(method, params, signal) as Promise<ShimRequests[Method]['result']>
  }

  /** Copies of descriptors of the shim, for the caller to close: all of them or, when one cannot be copied, none. */
  copyDescriptors(fds: StdioNumbers): StdioNumbers {
    const copies: Record<string, number> = {}
    const pidfd = openPidfd(this.pid)
    try {
      for (const [name, fd] of Object.entries(fds)) copies[name] = copyDescriptor(pidfd, fd)
      return copies
    } catch (error) {
      for (const fd of Object.values(copies)) closeSync(fd)
      throw unavailable(
        'berthd cannot take over the streams from its shim; does the kernel forbid ptrace (kernel.yama.ptrace_scope=3)?',
        error,
      )
    } finally {
      closeSync(pidfd)
    }
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]()
  }
}
