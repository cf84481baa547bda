import { imageIsHere } from '../../manifest/pull-policy.ts'
import type { Cause } from './explanation.ts'
import { failureRules, type FailedRequest } from './failure-rules.ts'

/** What a failed call means. */
export function failureCause(request: FailedRequest): Cause {
  const cause = causeOf(request)
  return request.imageIsHere ? { ...cause, next: `${imageIsHere}. Else: ${cause.next}` } : cause
}

function causeOf(request: FailedRequest): Cause {
  const { rpc, message, code, stage, lastAt, count = 1 } = request
  const plain = withoutNames(request)
  const facts = {
    said: message.trim(),
    rpc,
    ...(stage !== undefined && { stage }),
    ...(lastAt !== undefined && { at: lastAt }),
    ...(count > 1 && { count }),
  }
  for (const { rpc: ofRpc, words, layer, what, next } of failureRules) {
    const found = ofRpc === undefined || ofRpc.test(rpc) ? words.exec(plain) : null
    if (found) return { layer, what, next: next(found, request), ...facts }
  }
  if (code === 'invalid-argument') {
    const what = 'what was asked for is not valid'
    return { layer: 'configuration', what, next: 'its words name the field: correct it in the manifest', ...facts }
  }
  const next = 'its words say why; the log of the container runtime has what was done before'
  return { layer: rpc === 'PullImage' ? 'registry' : 'container runtime', what: `${rpc} failed`, next, ...facts }
}

/** The words without those of a name: an image may be called `platform/denied`. */
function withoutNames({ message, image }: FailedRequest): string {
  const unnamed = message.replaceAll(/(image|reference) "[^"]*"/g, '$1 ""')
  return image ? unnamed.replaceAll(image, '') : unnamed
}
