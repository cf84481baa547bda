import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../../src/lib/errors.ts'

/** An abstract socket: the kernel frees it with the process, however that ends (unix(7)). */
const address = '\0berth-tests'
const patienceMs = 240_000

let held: Server | undefined

/**
 * Takes the machine for this process until it ends: tests that compare the machine before and after run one at a time,
 * also when two people run `npm test` on one machine. Those that share it (BERTH_TESTS_SHARE_MACHINE=1) compare only what bears
 * their own sign, and need not wait.
 */
export async function takeMachine(): Promise<void> {
  if (process.env.BERTH_TESTS_SHARE_MACHINE === '1') return
  const deadline = Date.now() + patienceMs
  while (!held) {
    held = await listen()
    if (held) return
    if (Date.now() > deadline) throw new Error('another test run has held this machine for too long')
    await sleep(100)
  }
}

/** A listening server, or undefined when another process listens. */
function listen(): Promise<Server | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>()
  const server = createServer((socket) => socket.destroy())
  server.once('error', (error) => (errnoOf(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
  server.listen(address, () => resolve(server.unref()))
  return promise
}
