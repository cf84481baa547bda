import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { errnoOf, failedPrecondition } from '../lib/errors.ts'
import type { PodStatus } from './pod-status.ts'

/** Where agents have their sockets. */
export const agentSockets = '/run/berth-agent'

/** The socket of the agent of a folder of manifests. It also keeps a second agent away from that folder. */
export function socketOf(manifests: string, folder: string): string {
  return join(folder, `${createHash('sha256').update(manifests).digest('hex').slice(0, 16)}.sock`)
}

/**
 * Serves what the agent knows of its pods: whoever connects gets it in JSON.
 *
 * @throws BerthError failed-precondition when another agent has this folder
 */
export async function serveStatus(
  manifests: string,
  folder: string,
  statuses: () => readonly PodStatus[],
): Promise<AsyncDisposable> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = socketOf(manifests, folder)
  if ((await askStatus(manifests, folder)) !== undefined) {
    throw failedPrecondition(`another agent runs the pods of ${manifests} already`)
  }
  // Of an agent that was killed.
  rmSync(path, { force: true })
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(JSON.stringify(statuses()))
  })
  server.listen(path)
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

/** What the agent of a folder of manifests knows; undefined when there is none. */
export async function askStatus(manifests: string, folder: string): Promise<PodStatus[] | undefined> {
  const socket = connect(socketOf(manifests, folder))
  try {
    return JSON.parse(await text(socket)) as PodStatus[]
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  } finally {
    socket.destroy()
  }
}
