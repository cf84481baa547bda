import { isOfImage, waitOfCall } from './about.ts'
import type { Explanation } from './explanation.ts'
import { failureCause } from './failure-cause.ts'
import type { RuntimeReport } from './runtime-report.ts'

/** What there is to tell of an image that is being pulled, or whose pull failed; undefined when nothing is. */
export function explainImage(name: string, report: RuntimeReport): Explanation | undefined {
  const isMeant = (image: string | undefined) => image === name || isOfImage({ image: image ?? '', ...noPull }, name)
  const waits = report.calls
    .filter(({ rpc, image }) => rpc === 'PullImage' && isMeant(image))
    .map(({ rpc, startedAt, image }) => {
      const pull = report.pulls.find((pull) => isOfImage(pull, image))
      return waitOfCall(rpc, startedAt, image, pull)
    })
  const failures = report.failures.filter(({ rpc, image }) => rpc.endsWith('Image') && isMeant(image))
  if (waits.length === 0 && failures.length === 0) return undefined
  return {
    kind: 'image',
    name,
    state: waits.length > 0 ? 'being pulled' : 'not there',
    ok: false,
    waits,
    causes: failures.map(failureCause),
    notes: [],
    lastLines: [],
  }
}

const noPull = { stage: '', stageSinceMs: 0, layers: [] }
