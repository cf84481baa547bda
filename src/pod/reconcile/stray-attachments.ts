import type { PodParts } from '../parts.ts'
import type { Disorder } from './disorder.ts'
import { hasOwner } from './owners.ts'

/** Attachments to the network, with their addresses and port mappings, whose sandbox has no record. */
export function strayAttachments(parts: PodParts): Disorder[] {
  return parts.network
    .attachments()
    .filter(({ sandboxId }) => !hasOwner(parts, sandboxId))
    .map(({ sandboxId, network, stage, error }) => ({
      kind: 'network',
      subject: sandboxId,
      problem: `is attached to network "${network}" (${stage}${error ? `: ${error}` : ''}), and has no record`,
      remedy: 'sweep',
      mend: () => parts.network.detach(sandboxId),
    }))
}
