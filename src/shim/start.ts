import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { unavailable } from '../lib/errors.ts'
import { createPipe } from '../linux/pipe.ts'
import { spawn } from '../linux/spawn.ts'

/** A shim handles buffers that die young and does little else: a small nursery and no threads for the compiler suffice. */
const nodeFlags = ['--max-semi-space-size=1', '--v8-pool-size=0']

export interface ShimProcessRequest {
  /** The program of the shim: `main.ts` beside this file, or its bundle. */
  readonly entry: string
  readonly socket: string
  readonly log: string
}

/**
 * Starts a shim process in a session of its own and waits until it listens. It says so on its stdout, which is closed when
 * it dies. Answers its pid.
 */
export async function startShim(request: ShimProcessRequest): Promise<number> {
  const ready = createPipe()
  const stdin = openSync('/dev/null', 'r')
  const stderr = openSync(request.log, 'a', 0o640)
  const pid = spawn({
    file: process.execPath,
    args: [...nodeFlags, request.entry, '--socket', request.socket, '--log', request.log],
    env: { PATH: process.env.PATH ?? '' },
    cwd: '/',
    stdin,
    stdout: ready.write,
    stderr,
    newSession: true,
  })
  for (const fd of [stdin, stderr, ready.write]) closeSync(fd)
  using pipe = disposableSocket(ready.read)
  await new Promise<void>((resolve, reject) => {
    pipe.socket.once('data', () => resolve())
    pipe.socket.once('end', () =>
      reject(unavailable(`the berth-shim process ${pid} died at its start; see ${request.log}`)),
    )
  })
  return pid
}

function disposableSocket(fd: number) {
  const socket = new Socket({ fd, readable: true, writable: false })
  return { socket, [Symbol.dispose]: () => void socket.destroy() }
}
