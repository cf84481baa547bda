import { type IDMapping, NamespaceMode, type NamespaceOption, type UserNamespace } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { IdMapping } from '../runtime-spec.ts'

/** One more than the largest user or group id (the last one means "none": user_namespaces(7)). */
const idCount = 2 ** 32 - 1

/**
 * The mapping of a pod's own user namespace (`hostUsers: false`), the same for users and groups; undefined for a pod in the
 * host's. As with containerd it is one range, which begins with the container's root.
 */
export function podUserNamespace(options: Pick<NamespaceOption, 'usernsOptions'> | undefined): IdMapping | undefined {
  const userns = options?.usernsOptions
  if (!userns) return undefined
  if (userns.mode === NamespaceMode.NODE) {
    if (userns.uids.length + userns.gids.length === 0) return undefined
    throw invalidArgument('userns_options: the mode NODE (the host’s user namespace) has no mappings')
  }
  if (userns.mode !== NamespaceMode.POD) throw invalidArgument('userns_options.mode must be POD or NODE')
  const uids = onlyMapping('uids', userns.uids)
  const gids = onlyMapping('gids', userns.gids)
  if (!sameMapping(uids, gids)) throw invalidArgument('userns_options: uids and gids must be mapped alike')
  return uids
}

/** Throws when a container asks for another user namespace than its pod has: it has no say in it. */
export function checkContainerUserNamespace(
  container: Pick<NamespaceOption, 'usernsOptions'> | undefined,
  pod: Pick<NamespaceOption, 'usernsOptions'> | undefined,
): void {
  const own = podUserNamespace(container)
  const pods = podUserNamespace(pod)
  if (own === undefined && pods === undefined) return
  if (own === undefined || pods === undefined || !sameMapping(own, pods)) {
    throw invalidArgument('userns_options of the container differ from those of its pod: they must be the same')
  }
}

/** Throws when a user or group of the container is outside of its pod's user namespace: it could not be started. */
export function checkMappedIds(
  mapping: IdMapping | undefined,
  user: { readonly uid: number; readonly gid: number; readonly additionalGids?: readonly number[] },
): void {
  if (!mapping) return
  const outside = [user.uid, user.gid, ...(user.additionalGids ?? [])].find((id) => id >= mapping.size)
  if (outside === undefined) return
  throw invalidArgument(
    `user or group ${outside} of the container has no place in its user namespace, which has the ids below ${mapping.size}`,
  )
}

function onlyMapping(field: keyof Pick<UserNamespace, 'uids' | 'gids'>, mappings: readonly IDMapping[]): IdMapping {
  const [mapping, ...others] = mappings
  if (!mapping || others.length > 0) {
    throw invalidArgument(`userns_options.${field} must be one mapping, not ${mappings.length}`)
  }
  const { containerId, hostId, length } = mapping
  if (containerId !== 0) {
    throw invalidArgument(`userns_options.${field} must begin with the container's id 0, not ${containerId}`)
  }
  if (length === 0 || hostId + length > idCount) {
    throw invalidArgument(`userns_options.${field}: ${length} ids from ${hostId} on are not a range of ids`)
  }
  return { containerID: containerId, hostID: hostId, size: length }
}

function sameMapping(a: IdMapping, b: IdMapping): boolean {
  return a.containerID === b.containerID && a.hostID === b.hostID && a.size === b.size
}
