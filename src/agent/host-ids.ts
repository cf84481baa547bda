import { randomInt } from 'node:crypto'
import type { PodManifest } from '../manifest/pod.ts'
import { firstHostIdAnnotation, idsPerPod } from '../manifest/sandbox-config.ts'
import type { Access } from './access.ts'

/** Ids from 2^31 on are negative to some programs. */
const ranges = 2 ** 31 / idsPerPod

/**
 * Where the users of a pod begin on the host: for a sandbox that is there as its annotations say, for a new one a range that no
 * other sandbox of the runtime has. Undefined for a pod without a user namespace.
 */
export async function firstHostIdOf(
  { cri, ask }: Pick<Access, 'cri' | 'ask'>,
  { hostUsers }: PodManifest,
  sandbox: { readonly annotations: Readonly<Record<string, string>> } | undefined,
): Promise<number | undefined> {
  if (sandbox) return idIn(sandbox.annotations)
  if (hostUsers) return undefined
  const { items } = await cri.runtime.listPodSandbox({}, ask)
  const taken = new Set(items.map(({ annotations }) => idIn(annotations)))
  for (;;) {
    // By chance, so that another process that chooses at the same time will hardly choose the same.
    const first = randomInt(1, ranges) * idsPerPod
    if (!taken.has(first)) return first
  }
}

function idIn({ [firstHostIdAnnotation]: text }: Readonly<Record<string, string>>): number | undefined {
  return text === undefined ? undefined : Number(text)
}
