import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { unavailable } from '../lib/errors.ts'
import { faultEnvironment, faultPoint } from '../lib/fault-point.ts'
import { createPipe } from '../linux/pipe.ts'
import { kill, spawn } from '../linux/spawn.ts'

/** A shim handles buffers that die young and does little else: a small nursery and no threads for the compiler suffice. */
const nodeFlags = ['--max-semi-space-size=1', '--v8-pool-size=0']

/** A shim that does not listen after this long, in milliseconds, hangs and is killed; it takes 40 to 100. */
const startPatience = 30_000

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
  using pipe = disposableSocket(ready.read)
  const pid = spawnShim(request, ready.write)
  let end = 'died at its start'
  const late = setTimeout(() => {
    end = `did not listen within ${startPatience / 1000} s and was killed`
    kill(pid, 'SIGKILL')
  }, startPatience)
  try {
    faultPoint('shim-process:spawned')
    await new Promise<void>((resolve, reject) => {
      pipe.socket.once('data', () => resolve())
      pipe.socket.once('end', () => reject(unavailable(`the berth-shim process ${pid} ${end}; see ${request.log}`)))
    })
  } finally {
    clearTimeout(late)
  }
  return pid
}

/** Takes over `stdout`. */
function spawnShim(request: ShimProcessRequest, stdout: number): number {
  const fds = [stdout]
  const opened = (fd: number) => {
    fds.push(fd)
    return fd
  }
  try {
    return spawn({
      file: process.execPath,
      args: [...nodeFlags, request.entry, '--socket', request.socket, '--log', request.log],
      env: { PATH: process.env.PATH ?? '', ...faultEnvironment() },
      cwd: '/',
      stdin: opened(openSync('/dev/null', 'r')),
      stdout,
      stderr: opened(openSync(request.log, 'a', 0o640)),
      newSession: true,
    })
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

function disposableSocket(fd: number) {
  const socket = new Socket({ fd, readable: true, writable: false })
  return { socket, [Symbol.dispose]: () => void socket.destroy() }
}
