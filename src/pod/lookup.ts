import { invalidArgument, notFound } from '../lib/errors.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { PodParts } from './parts.ts'

/**
 * The sandbox of that id. One that is still being made is not found: its client does not know the id yet.
 * A unique prefix of an id is taken too, as by containerd and CRI-O.
 */
export function findSandbox(parts: Pick<PodParts, 'sandboxes'>, id: string): SandboxRecord | undefined {
  return find(parts.sandboxes, 'sandbox', id)
}

export function getSandbox(parts: Pick<PodParts, 'sandboxes'>, id: string): SandboxRecord {
  const record = findSandbox(parts, id)
  if (!record) throw notFound('sandbox', id)
  return record
}

/** The container of that id or unique prefix of an id; one that is still being made is not found. */
export function findContainer(parts: Pick<PodParts, 'containers'>, id: string): ContainerRecord | undefined {
  return find(parts.containers, 'container', id)
}

export function getContainer(parts: Pick<PodParts, 'containers'>, id: string): ContainerRecord {
  const record = findContainer(parts, id)
  if (!record) throw notFound('container', id)
  return record
}

/** The containers of a sandbox, oldest first. */
export function containersOf(parts: Pick<PodParts, 'containers'>, sandboxId: string): ContainerRecord[] {
  return [...parts.containers.all()]
    .filter((record) => record.sandboxId === sandboxId)
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
}

interface Records<T> {
  get(id: string): T | undefined
  all(): Iterable<T>
}

function find<T extends { readonly id: string; readonly state: { readonly phase: string } }>(
  records: Records<T>,
  kind: string,
  id: string,
): T | undefined {
  if (id === '') throw invalidArgument(`the ${kind} id is empty`)
  const exact = records.get(id)
  const found = exact ? [exact] : [...records.all()].filter((record) => record.id.startsWith(id))
  const listed = found.filter((record) => record.state.phase !== 'creating')
  if (listed.length > 1)
    throw invalidArgument(`"${id}" is the beginning of ${listed.length} ${kind} ids; give more of it`)
  return listed[0]
}
