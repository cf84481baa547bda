import { failedPrecondition } from '../lib/errors.ts'
import type {
  AttachConditions,
  Attachment,
  AttachmentEntry,
  AttachRequest,
  NetworkPort,
  NetworkReadiness,
} from './port.ts'

/** A network in memory: hands out 10.88.0.2, .3, … and remembers who has what. */
export class FakeNetwork implements NetworkPort {
  /** Set it to make the network not ready. */
  readiness: NetworkReadiness = { ready: true, reason: '', message: '', configName: 'fake' }
  /** Set it to make the next attach, or detach, fail. */
  nextAttachError: Error | undefined
  nextDetachError: Error | undefined
  /** Set it to hold attach up until it resolves (or the signal aborts). */
  gate: Promise<void> = Promise.resolve()
  /** Every call that was made, as `attach <sandbox id>` and `detach <sandbox id>`. */
  readonly calls: string[] = []
  readonly #entries = new Map<string, AttachmentEntry>()
  #nextAddress = 2

  ready(): NetworkReadiness {
    return this.readiness
  }

  async attach(request: AttachRequest, { signal, ready }: AttachConditions = {}): Promise<Attachment> {
    await ready
    this.calls.push(`attach ${request.sandboxId}`)
    await Promise.race([this.gate, aborted(signal)])
    signal?.throwIfAborted()
    if (!this.readiness.ready) throw failedPrecondition(this.readiness.message)
    const error = this.nextAttachError
    this.nextAttachError = undefined
    if (error) throw error
    const known = this.#entries.get(request.sandboxId)?.attachment
    if (known) {
      const { ahead: _, ...entry } = this.#entries.get(request.sandboxId) as AttachmentEntry
      this.#entries.set(request.sandboxId, entry)
      return known
    }
    const ip = `10.88.0.${this.#nextAddress++}`
    const attachment: Attachment = {
      ips: [ip],
      interfaceName: 'eth0',
      network: 'fake',
      result: { cniVersion: '1.0.0', ips: [{ address: `${ip}/16` }] },
      dns: { servers: [], searches: [], options: [] },
      hostPorts: request.hostPorts ?? [],
    }
    const { sandboxId, netnsPath } = request
    this.#entries.set(sandboxId, { sandboxId, netnsPath, network: 'fake', stage: 'attached', attachment })
    return attachment
  }

  async attachAhead(sandboxId: string, netnsPath: string): Promise<boolean> {
    const pod = { podNamespace: '', podName: '', podUid: '' }
    await this.attach({ ...pod, sandboxId, netnsPath })
    const entry = this.#entries.get(sandboxId) as AttachmentEntry
    this.#entries.set(sandboxId, { ...entry, ahead: true })
    return true
  }

  suits({ sandboxId, hostPorts = [] }: AttachRequest): boolean {
    return this.#entries.get(sandboxId)?.ahead === true && hostPorts.length === 0
  }

  async detach(sandboxId: string): Promise<void> {
    this.calls.push(`detach ${sandboxId}`)
    const error = this.nextDetachError
    this.nextDetachError = undefined
    if (error) throw error
    this.#entries.delete(sandboxId)
  }

  presume(sandboxId: string, _netnsPath: string): void {
    this.calls.push(`presume ${sandboxId}`)
  }

  attachments(): readonly AttachmentEntry[] {
    return [...this.#entries.values()]
  }
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
