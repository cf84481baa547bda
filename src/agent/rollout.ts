import type { Deployment } from '../manifest/deployment.ts'

/** A pod of a deployment that is there. */
export interface ExistingPod {
  readonly name: string
  /** Ready for long enough; of an old one, running. */
  readonly available: boolean
}

export interface Rollout {
  /** Those of the wanted pods that are to run now. */
  readonly run: readonly string[]
  /** The old pods that stay for now; the others are to go. */
  readonly stay: readonly string[]
}

/**
 * One step on the way from the pods of a deployment that are there to those that are wanted: new ones come as long as
 * there are
 * not too many, old ones go as long as enough are available. A pure function.
 *
 * @param wanted the names of the pods of the present template
 */
export function rollOut(
  { replicas, strategy }: Pick<Deployment, 'replicas' | 'strategy'>,
  wanted: readonly string[],
  existing: readonly ExistingPod[],
): Rollout {
  const fresh = existing.filter(({ name }) => wanted.includes(name))
  const old = existing.filter(({ name }) => !wanted.includes(name))
  if (strategy.recreate) return { run: old.length > 0 ? fresh.map(({ name }) => name) : wanted, stay: [] }
  const room = Math.max(fresh.length, replicas + strategy.surge - old.length)
  const there = new Set(fresh.map(({ name }) => name))
  const run = [...wanted.filter((name) => there.has(name)), ...wanted.filter((name) => !there.has(name))].slice(0, room)
  const available = existing.filter((pod) => pod.available).length
  const needed = Math.max(0, replicas - strategy.unavailable)
  const mayGo = Math.max(0, available - needed)
  // Those that are of no use go first.
  const useful = old.filter((pod) => pod.available).map(({ name }) => name)
  return { run, stay: useful.toSorted().slice(mayGo) }
}
