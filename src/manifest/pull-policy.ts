import { invalidArgument } from '../lib/errors.ts'

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never'

/** The policy that is given, or Kubernetes' default: a tag that moves is looked up each time. */
export function checkPullPolicy(policy: string | undefined, image: string, path: string): PullPolicy {
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy
  if (policy) throw invalidArgument(`${path} must be Always, IfNotPresent or Never`)
  if (image.includes('@')) return 'IfNotPresent'
  const tag = /:([^:/]+)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent'
}

/** What to add when the pull of an image failed that is there already. */
export const imageIsHere = 'the image is on this node already: imagePullPolicy: IfNotPresent would use it'
