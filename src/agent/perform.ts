import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { CriError } from '../client/index.ts'
import { messageOf } from '../lib/errors.ts'
import type { Action, HttpAction } from '../manifest/action.ts'
import type { Access } from './access.ts'
import { checkGrpcHealth } from './grpc-health.ts'

/** The container for which something is done. */
export interface ActionTarget {
  readonly containerId: string
  /** The pod's address; that of this machine for a pod on its network. */
  readonly podIp: string
}

export interface Outcome {
  readonly ok: boolean
  /** What went wrong, or what was said. */
  readonly message: string
}

/**
 * Does what a probe or a hook is to do, once: from this machine to the pod's address, or in the container.
 *
 * @throws CriError when the runtime could not even try, which says nothing about the container
 */
export async function perform(
  { cri, ask }: Access,
  action: Action,
  target: ActionTarget,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Outcome> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  switch (action.kind) {
    case 'exec':
      return execute()
    case 'http':
      return outcomeOf(get(action, action.host || target.podIp, within))
    case 'tcp':
      return outcomeOf(reach(action.host || target.podIp, action.port, within))
    case 'grpc':
      return outcomeOf(checkGrpcHealth(target.podIp, action.port, action.service, within))
    case 'sleep':
      throw new TypeError('a sleep is not performed, but waited for')
  }

  async function execute(): Promise<Outcome> {
    const { command } = action as Action & { kind: 'exec' }
    const timeout = BigInt(Math.max(1, Math.round(timeoutMs / 1000)))
    try {
      const request = { containerId: target.containerId, cmd: [...command], timeout }
      // The runtime ends it in time; it only gets somewhat longer to say so.
      const answer = await cri.runtime.execSync(request, { ...ask, signal, timeout: timeoutMs + 10_000 })
      const said = Buffer.concat([answer.stdout, answer.stderr]).toString().trim().slice(0, 1000)
      if (answer.exitCode === 0) return { ok: true, message: said }
      return { ok: false, message: `exit code ${answer.exitCode}${said && `: ${said}`}` }
    } catch (error) {
      if (!(error instanceof CriError) || error.codeName !== 'DEADLINE_EXCEEDED') throw error
      return { ok: false, message: `${command.join(' ')} took longer than ${timeoutMs / 1000} s` }
    }
  }

  /** Whatever keeps a container from answering is its failure. */
  async function outcomeOf(attempt: Promise<Outcome>): Promise<Outcome> {
    try {
      return await attempt
    } catch (error) {
      if (signal.aborted) throw error
      const late = within.aborted
      return { ok: false, message: late ? `no answer within ${timeoutMs / 1000} s` : messageOf(error) }
    }
  }
}

async function get(action: HttpAction, host: string, signal: AbortSignal): Promise<Outcome> {
  const { port, path, secure, headers } = action
  const request = secure ? httpsRequest : httpRequest
  const asked = request({
    host,
    port,
    path,
    signal,
    agent: false,
    // The certificate of a pod is its own affair: what is asked is whether it answers.
    rejectUnauthorized: false,
    headers: { 'user-agent': 'berth-agent', accept: '*/*', ...Object.fromEntries(headers) },
  })
  asked.end()
  const [response] = (await once(asked, 'response', { signal })) as [IncomingMessage]
  response.on('error', () => {})
  response.destroy()
  const { statusCode = 0 } = response
  const ok = statusCode >= 200 && statusCode < 400
  return { ok, message: `HTTP status ${statusCode} of ${secure ? 'https' : 'http'}://${host}:${port}${path}` }
}

async function reach(host: string, port: number, signal: AbortSignal): Promise<Outcome> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect', { signal })
    return { ok: true, message: '' }
  } finally {
    socket.destroy()
  }
}
