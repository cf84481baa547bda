import { invalidArgument } from '../lib/errors.ts'
import type { Bandwidth } from './port.ts'

const ingressAnnotation = 'kubernetes.io/ingress-bandwidth'
const egressAnnotation = 'kubernetes.io/egress-bandwidth'

/** The limits that Kubernetes sets on these annotations, in bits a second: 1k to 1P. */
const least = 1e3
const most = 1e15

/**
 * The bandwidth limits that a pod's annotations ask for, or undefined when they ask for none.
 * Throws invalid-argument for a value that is no Kubernetes quantity between 1k and 1P bits a second.
 */
export function podBandwidth(annotations: Readonly<Record<string, string>>): Bandwidth | undefined {
  const ingressRate = rate(annotations, ingressAnnotation)
  const egressRate = rate(annotations, egressAnnotation)
  if (ingressRate === undefined && egressRate === undefined) return undefined
  return { ...(ingressRate === undefined ? {} : { ingressRate }), ...(egressRate === undefined ? {} : { egressRate }) }
}

function rate(annotations: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = annotations[name]
  if (text === undefined) return undefined
  const value = parseQuantity(text)
  if (value !== undefined && value >= least && value <= most) return value
  throw invalidArgument(
    `annotation ${name}: ${JSON.stringify(text.slice(0, 64))} is not a bandwidth between 1k and 1P bits a second (such as "10M")`,
  )
}

const factors: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
}

/** A Kubernetes quantity (`10M`, `1.5Gi`, `2e6`) as a whole number, rounded up; undefined when it is none. */
export function parseQuantity(text: string): number | undefined {
  const [, number, exponent, suffix] = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([a-zA-Z]*))$/.exec(text) ?? []
  if (number === undefined) return undefined
  const factor = exponent === undefined ? factors[suffix ?? ''] : 10 ** Number(exponent)
  return factor === undefined ? undefined : Math.ceil(Number(number) * factor)
}
