import { cancelled, notFound } from '../lib/errors.ts'
import type { ExitStatus } from '../linux/reaper.ts'
import type { AttachClient } from './attach-client.ts'
import type { ExecStart, ExecStarter } from './exec-process.ts'
import { ExecSession } from './exec-session.ts'
import type { AttachEnd, ExecParams, ShimRequests } from './protocol.ts'

/**
 * What belongs to one connection of berthd and ends with it: the commands that it streams, and the clients that it has
 * attached to containers. So a berthd that dies leaves no command behind, and the containers do not notice.
 */
export class Guest implements Disposable {
  readonly #execs = new Map<string, ExecSession>()
  readonly #clients = new Map<string, AttachClient>()
  #last = 0
  #gone = false

  async exec(
    params: ExecParams & ExecStart,
    starter: ExecStarter,
    signal: AbortSignal,
  ): Promise<ShimRequests['exec']['result']> {
    const session = await ExecSession.start(params, starter, signal)
    if (this.#gone || signal.aborted) {
      session.letGo()
      await session.kill()
      throw cancelled('the caller of the command gave up', signal.reason)
    }
    const exec = String(++this.#last)
    this.#execs.set(exec, session)
    return { exec, pid: session.pid, fds: session.fds }
  }

  async waitForExec(exec: string, signal: AbortSignal): Promise<ExitStatus> {
    const session = this.#execs.get(exec)
    if (!session) throw notFound('exec', exec)
    session.letGo()
    const onAbort = () => void session.kill()
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
    try {
      return await session.ended
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#execs.delete(exec)
    }
  }

  attach(client: AttachClient): ShimRequests['attach']['result'] {
    const attach = String(++this.#last)
    this.#clients.set(attach, client)
    return { attach, fds: client.fds }
  }

  async waitForAttach(attach: string, signal: AbortSignal): Promise<{ readonly end: AttachEnd }> {
    const client = this.#clients.get(attach)
    if (!client) throw notFound('attach', attach)
    client.letGo()
    const onAbort = () => client.end('left')
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
    try {
      return { end: await client.ended }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#clients.delete(attach)
    }
  }

  /** The connection is closed: kills and closes everything. */
  [Symbol.dispose](): void {
    this.#gone = true
    for (const [name, session] of this.#execs) {
      this.#execs.delete(name)
      session.letGo()
      void session.kill()
    }
    for (const client of this.#clients.values()) {
      client.letGo()
      client.end('left')
    }
  }
}
