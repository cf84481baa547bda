import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { CriError, connect } from '../../src/client/index.ts'
import type { Endpoint } from '../run/endpoint.ts'
import { serverOf } from './socket-server.ts'
import { isServed } from '../../src/lib/is-served.ts'

/** Milliseconds. */
const patience = 60_000

/** Asks the daemon to end and waits until it has. */
export async function stopDaemon({ name, socket }: Endpoint): Promise<void> {
  const pid = serverOf(socket)
  process.kill(pid, 'SIGTERM')
  const deadline = performance.now() + patience
  while (existsSync(`/proc/${pid}`)) {
    if (performance.now() > deadline) throw new Error(`${name}: process ${pid} did not end within a minute of SIGTERM`)
    await sleep(5)
  }
}

/**
 * Starts the daemon and waits until it answers Version; answers how long that took, in milliseconds, from before its process
 * was there.
 */
export async function startDaemon({ name, socket, start = '' }: Endpoint): Promise<number> {
  const begun = performance.now()
  const shell = spawn('/bin/sh', ['-c', start], { detached: true, stdio: 'ignore' })
  shell.unref()
  for (;;) {
    if (await answers(socket)) return performance.now() - begun
    if (shell.exitCode !== null || shell.signalCode !== null) throw new Error(`${name} ended at its start: ${start}`)
    if (performance.now() - begun > patience) throw new Error(`${name} did not answer within a minute of its start`)
    await sleep(1)
  }
}

/** gRPC would wait longer and longer between its own attempts. */
async function answers(socket: string): Promise<boolean> {
  // gRPC would wait longer and longer between its own attempts.
  if (!(await isServed(socket))) return false
  using cri = connect(`unix://${socket}`, { timeout: patience })
  try {
    await cri.runtime.version({})
    return true
  } catch (error) {
    // It listens, but is not ready to serve.
    if (error instanceof CriError) return false
    throw error
  }
}
