import { closeSync, readSync, rmSync } from 'node:fs'
import { errnoOf } from '../../src/lib/errors.ts'
import { check, libc } from '../../src/linux/libc.ts'
import { AF_UNIX, unixAddress } from '../../src/linux/unix-address.ts'

const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000

/** A unix datagram socket, as a service manager has it for those that it has started. */
export class DatagramReceiver implements Disposable {
  readonly path: string
  readonly #socket: number
  /** All that has come, oldest first. */
  readonly #received: string[] = []

  constructor(path: string) {
    this.path = path
    this.#socket = check(libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket')
    const address = unixAddress(path)
    check(libc.bind(this.#socket, address, address.length), 'bind', path)
  }

  /** The lines of all datagrams so far. */
  lines(): readonly string[] {
    const buffer = Buffer.alloc(4096)
    for (;;) {
      try {
        const bytes = readSync(this.#socket, buffer)
        this.#received.push(...buffer.toString('utf8', 0, bytes).split('\n'))
      } catch (error) {
        if (errnoOf(error) !== 'EAGAIN') throw error
        return this.#received
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#socket)
    if (!this.path.startsWith('@')) rmSync(this.path, { force: true })
  }
}
