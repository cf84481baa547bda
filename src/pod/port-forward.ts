import type { Socket } from 'node:net'
import { failedPrecondition, messageOf, unavailable } from '../lib/errors.ts'
import { connectToLoopback, type Loopback, loopbacks } from '../linux/network-socket.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'

/** How long a connection may take to come about, in milliseconds: on loopback only a full backlog makes it wait. */
const connectPatience = 30_000

/** @throws not-found; failed-precondition when it is not ready */
export function readySandbox(parts: PodParts, id: string): SandboxRecord {
  const sandbox = getSandbox(parts, id)
  if (sandbox.state.phase === 'ready') return sandbox
  throw failedPrecondition(`sandbox "${sandbox.id}" is ${sandbox.state.phase}: its ports cannot be reached`)
}

/**
 * Connects to a port on loopback inside a pod, 127.0.0.1 first and then ::1. A pod on the host's network has the host's
 * loopback. Both directions of the connection end on their own.
 *
 * @throws not-found; failed-precondition for a sandbox that is not ready; unavailable when nobody listens, with the reason of
 *   each address
 */
export async function connectToPort(
  parts: PodParts,
  sandboxId: string,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const sandbox = readySandbox(parts, sandboxId)
  const own = podNamespaces(sandbox.config.linux?.securityContext?.namespaceOptions)
  const netns = own.net ? parts.layout.sandbox(sandbox.id).netns : undefined
  const stop = AbortSignal.any([signal, AbortSignal.timeout(connectPatience)])
  const failures: string[] = []
  for (const loopback of loopbacks) {
    try {
      return await connectToLoopback(netns, loopback, port, stop)
    } catch (error) {
      failures.push(`${label(loopback)}: ${messageOf(error)}`)
    }
  }
  const where = netns === undefined ? 'on the host network' : `inside namespace "${netns}"`
  throw unavailable(`failed to connect to localhost:${port} ${where}, ${failures.join(' ')}`)
}

function label({ family }: Loopback): string {
  return family === 'tcp4' ? 'IPv4' : 'IPv6'
}
