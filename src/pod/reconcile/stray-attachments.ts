import { BerthError, deadlineExceeded, messageOf } from '../../lib/errors.ts'
import type { AttachmentEntry } from '../../network/port.ts'
import type { PodParts } from '../parts.ts'
import { releaseAgain } from '../release-network.ts'
import type { Disorder } from './disorder.ts'
import { hasOwner } from './owners.ts'

/**
 * Attachments to the network, with their addresses and port mappings, whose sandbox has no record, or was stopped when the
 * plugins did not release them.
 */
export function strayAttachments(parts: PodParts): Disorder[] {
  const turns = new Turns()
  return parts.network.attachments().flatMap((entry): Disorder[] => {
    const { sandboxId } = entry
    const problem = problemOf(parts, entry)
    if (problem === undefined) return []
    const mend = () => turns.run(() => releaseAgain(parts, sandboxId))
    return [{ kind: 'network', subject: sandboxId, problem, remedy: 'sweep', mend }]
  })
}

function problemOf(parts: PodParts, { sandboxId, network, stage, error }: AttachmentEntry): string | undefined {
  const how = `(${stage}${error ? `: ${error}` : ''})`
  if (!hasOwner(parts, sandboxId)) return `is attached to network "${network}" ${how}, and has no record`
  if (parts.sandboxes.get(sandboxId)?.state.phase !== 'stopped') return undefined
  return `was stopped, and is not released from network "${network}" yet ${how}`
}

/** One detachment after the other, and none after one that hangs: it is the next round that asks again. */
class Turns {
  #last: Promise<void> = Promise.resolve()
  #hanging: string | undefined

  run(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(() => this.#run(work))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #run(work: () => Promise<void>): Promise<void> {
    if (this.#hanging !== undefined) throw deadlineExceeded(`not tried, after another: ${this.#hanging}`)
    try {
      await work()
    } catch (error) {
      if (error instanceof BerthError && error.code === 'deadline-exceeded') this.#hanging = messageOf(error)
      throw error
    }
  }
}
