import type { BaseSpec } from '../load-base-spec.ts'
import type { Spec } from '../runtime-spec.ts'

/** A container's spec with what its handler gives all containers; what the spec has already stays as it is. */
export function withBaseSpec(spec: Spec, base: BaseSpec | undefined): Spec {
  if (!base) return spec
  const own = spec.process.rlimits ?? []
  const rlimits = [
    ...(base.process?.rlimits ?? []).filter(({ type }) => !own.some((limit) => limit.type === type)),
    ...own,
  ]
  const umask = base.process?.user?.umask
  const mounts = (base.mounts ?? []).filter(
    ({ destination }) => !spec.mounts.some((mount) => mount.destination === destination),
  )
  return {
    ...spec,
    process: {
      ...spec.process,
      ...(umask !== undefined && { user: { ...spec.process.user, umask } }),
      ...(rlimits.length > 0 && { rlimits }),
    },
    mounts: [...spec.mounts, ...mounts.map(withoutUndefined)],
    annotations: { ...base.annotations, ...spec.annotations },
    ...(base.hooks && { hooks: withoutUndefined(base.hooks) as NonNullable<Spec['hooks']> }),
  }
}

/** The same object without the keys that have no value. */
function withoutUndefined<T extends object>(value: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never
}
