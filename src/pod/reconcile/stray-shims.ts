import type { PodParts } from '../parts.ts'
import type { Disorder } from './disorder.ts'

/** Shims that nobody needs: without pods, or displaced by another that has their name. */
export function strayShims(parts: PodParts): Disorder[] {
  return parts.shims.strays().map(({ shim, pid, end }) => ({
    kind: 'process',
    subject: pid === undefined ? `shim ${shim}` : `shim ${shim}, pid ${pid}`,
    problem: pid === undefined ? 'has no pods' : 'runs beside the shim that has its name now',
    remedy: 'sweep',
    mend: end,
  }))
}
