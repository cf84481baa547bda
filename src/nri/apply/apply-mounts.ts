import { realpathSync } from 'node:fs'
import { posix } from 'node:path'
import type { Mount as MountMessage } from '../../gen/nri_pb.ts'
import { errnoOf, failedPrecondition } from '../../lib/errors.ts'
import { mountOf, readMounts } from '../../linux/mount-facts.ts'
import type { Mount, Spec } from '../../oci/runtime-spec.ts'
import { containerPath, withoutNul } from '../../oci/spec/checks.ts'
import { isRemoval, unmarked } from '../merge/removal.ts'

/** Mounts that are taken away, and those that are added; those nearer to the root are made first. */
export function withMounts(spec: Spec, changes: readonly MountMessage[]): Spec {
  if (changes.length === 0) return spec
  const taken = new Set(changes.map(({ destination }) => posix.normalize(unmarked(destination))))
  const added = changes.filter(({ destination }) => !isRemoval(destination)).map(mountOfMessage)
  const kept = spec.mounts.filter(({ destination }) => !taken.has(posix.normalize(destination)))
  const mounts = [...kept, ...added].sort((a, b) => depth(a.destination) - depth(b.destination))
  const rootfsPropagation = propagationOf(spec.linux.rootfsPropagation, added)
  return { ...spec, mounts, linux: { ...spec.linux, ...(rootfsPropagation && { rootfsPropagation }) } }
}

function mountOfMessage({ destination, type, source, options }: MountMessage): Mount {
  return {
    destination: containerPath('the destination of a mount of an NRI plugin', destination),
    ...(type !== '' && { type: withoutNul('mount.type', type) }),
    ...(source !== '' && { source: withoutNul('mount.source', source) }),
    options: options.map((option) => withoutNul('mount.options', option)),
  }
}

function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length
}

/** What the root file system's own propagation must be; the mounts that the sources lie on must allow it. */
function propagationOf(before: string | undefined, added: readonly Mount[]): string | undefined {
  let result = before
  for (const { source = '', options = [] } of added) {
    const wanted = options.findLast((option) => /^r(shared|slave|private)$/.test(option))
    if (wanted !== 'rshared' && wanted !== 'rslave') continue
    const host = mountOf(realPath(source), readMounts())
    const allowed = host?.shared || (wanted === 'rslave' && host?.slave)
    if (!allowed) {
      throw failedPrecondition(
        `an NRI plugin mounts ${source} as ${wanted}, but ${host?.mountPoint ?? '/'} does not share its mounts; ` +
          `make it shared (mount --make-rshared) or use rprivate`,
      )
    }
    if (wanted === 'rshared') result = 'rshared'
    else if (result !== 'rshared') result = 'rslave'
  }
  return result
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw failedPrecondition(
      `an NRI plugin mounts ${path}, which cannot be found (${errnoOf(error) ?? 'error'})`,
      error,
    )
  }
}
