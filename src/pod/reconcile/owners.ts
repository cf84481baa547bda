import type { PodParts } from '../parts.ts'

/** Whether any record, whole or not, speaks of a sandbox or a container with this id, or it is a spare sandbox's. */
export function hasOwner(parts: PodParts, id: string): boolean {
  return (
    parts.sandboxes.get(id) !== undefined ||
    parts.containers.get(id) !== undefined ||
    parts.spares.has(id) ||
    [...parts.sandboxes.unreadable, ...parts.containers.unreadable].some((row) => row.id === id)
  )
}
