import { closeSync, constants, openSync, rmSync, unlinkSync } from 'node:fs'
import { receiveDescriptor } from './ancillary.ts'
import { check, libc } from './libc.ts'
import { setNonBlocking } from './pipe.ts'
import { AF_UNIX, unixAddress } from './unix-address.ts'

/**
 * The unix socket over which an OCI runtime hands out the master of the pty that it made inside the container (runc's
 * `--console-socket`). The runtime connects, sends the descriptor and goes on without waiting; so once the runtime has
 * ended well, the descriptor is there to be taken.
 */
export class ConsoleSocket implements Disposable {
  /** The path to give to the runtime. Short whatever `folder` is: a unix socket's path has at most 107 bytes. */
  readonly path: string
  readonly #folder: number
  readonly #socket: number

  /** @param name of the socket in `folder`; no other of that name may be in use there */
  constructor(folder: string, name = 'console.sock') {
    this.#folder = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    this.path = `/proc/${process.pid}/fd/${this.#folder}/${name}`
    try {
      // Left by a process that died while it waited for a terminal.
      rmSync(this.path, { force: true })
      this.#socket = listenAt(this.path)
    } catch (error) {
      closeSync(this.#folder)
      throw error
    }
  }

  /** The pty master, set not to block. Throws EAGAIN when the runtime has sent none. */
  receiveMaster(): number {
    const connection = check(libc.accept4(this.#socket, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK), 'accept4', this.path)
    try {
      const { fd: master } = receiveDescriptor(connection) ?? {}
      if (master === undefined) throw new Error('the OCI runtime sent no terminal over its console socket')
      setNonBlocking(master)
      return master
    } finally {
      closeSync(connection)
    }
  }

  [Symbol.dispose](): void {
    try {
      unlinkSync(this.path)
    } catch {}
    closeSync(this.#socket)
    closeSync(this.#folder)
  }
}

function listenAt(path: string): number {
  const socket = check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket')
  try {
    const address = unixAddress(path)
    check(libc.bind(socket, address, address.length), 'bind', path)
    check(libc.listen(socket, 1), 'listen', path)
    return socket
  } catch (error) {
    closeSync(socket)
    throw error
  }
}

const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
