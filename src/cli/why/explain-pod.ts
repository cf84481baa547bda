import { aboutPod, failuresOf, waitsOf } from './about.ts'
import type { Cause, Explanation } from './explanation.ts'
import { failureCause } from './failure-cause.ts'
import type { PodFacts } from './pod-facts.ts'
import type { RuntimeReport } from './runtime-report.ts'
import { withTroubleCauses } from './trouble-cause.ts'

/**
 * What there is to tell of a pod itself; its containers have explanations of their own.
 *
 * @param unmade the containers that are being created, or could not be
 */
export function explainPod(pod: PodFacts, report: RuntimeReport, unmade: readonly string[]): Explanation {
  const about = aboutPod(pod)
  const waits = waitsOf(report, about)
  const failures = failuresOf(withoutPastPulls(report, pod), about)
  const known = [...pod.containers.map(({ name }) => name), ...unmade]
  const troubles = (pod.agent?.status?.troubles ?? []).filter(
    ({ container, of }) => container === undefined || of === 'image' || !known.includes(container),
  )
  const state = pod.ready ? [] : [notReady(pod), ...unreleased(pod)]
  const causes = withTroubleCauses([...state, ...failures], troubles)
  const empty = pod.ready && known.length === 0 && waits.length === 0 && causes.length === 0
  return {
    kind: 'pod',
    name: `${pod.namespace}/${pod.name}`,
    id: pod.id,
    state: pod.ready ? 'Ready' : 'NotReady',
    ok: causes.length === 0 && waits.length === 0 && !empty,
    waits,
    causes,
    notes: empty ? [nextStep(pod)] : [],
    lastLines: [],
  }
}

function nextStep({ agent }: PodFacts): string {
  if (!agent) return 'it has no container, and nobody asks for one: the next step is the kubelet’s (or berth create)'
  const { manifests, runs } = agent
  return runs
    ? 'it has no container yet: the next step is that of the agent'
    : `it has no container, and no agent runs the pods of ${manifests}: start one with berth agent --manifests ${manifests}`
}

/** A pull that failed says nothing any more when a container was made of the image since: it was there, or came otherwise. */
function withoutPastPulls(report: RuntimeReport, { containers }: PodFacts): RuntimeReport {
  const isPast = ({ rpc, image, lastAt }: RuntimeReport['failures'][number]) =>
    rpc === 'PullImage' && containers.some((container) => container.image === image && container.createdAt > lastAt)
  return { ...report, failures: report.failures.filter((failure) => !isPast(failure)) }
}

/** A pod that the runtime knows only from a call that failed or is under way. */
export interface UnlistedPod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** When the last of these calls began or failed: milliseconds since the epoch. */
  readonly triedAt: number
}

/** Longer than the kubelet and the agent wait between two tries (5 minutes): nobody will try again. Milliseconds. */
const givenUpMs = 600_000

/** What there is to tell of a pod that was never made, or is being made, or is gone. */
export function explainUnlistedPod(pod: UnlistedPod, report: RuntimeReport, now: number): Explanation {
  const about = aboutPod({ ...pod, id: '' })
  const waits = waitsOf(report, about)
  const causes = failuresOf(report, about)
  const unmet = report.unmet.map(({ type, message }) => failureCause({ rpc: type, message }))
  return {
    kind: 'pod',
    name: `${pod.namespace}/${pod.name}`,
    state: waits.some(({ what }) => what === 'RunPodSandbox') ? 'being made' : 'not there',
    ok: false,
    waits,
    causes: [...causes, ...unmet.filter(({ said }) => !causes.some((cause) => cause.said?.includes(said ?? '')))],
    notes:
      waits.length === 0 && now - pod.triedAt > givenUpMs
        ? ['this is past: nobody has tried it again since, and nothing of it is there']
        : [],
    lastLines: [],
  }
}

/** What keeps its addresses and ports, though the stop has succeeded. */
function unreleased({ networkError }: PodFacts): Cause[] {
  if (networkError === undefined) return []
  const what = 'its CNI plugins have not given back its addresses and ports yet; berthd asks them again every minute'
  const next = 'mend what their words name; berth gc asks them at once'
  return [{ layer: 'network (CNI)', what, said: networkError, next }]
}

function notReady({ reason }: PodFacts): Cause {
  const said = reason === '' ? {} : { said: reason }
  if (/machine was restarted/.test(reason)) {
    return {
      layer: 'node',
      what: 'the machine was restarted, and what the pod was made of is gone',
      ...said,
      next: 'the kubelet makes it anew; without a kubelet remove it (berth rmp) and run it again',
    }
  }
  if (/stopped by request/.test(reason)) {
    return {
      layer: 'client',
      what: 'it was stopped on request',
      ...said,
      next: 'nothing: remove it (berth rmp) when it is of no use any more; it cannot be started again',
    }
  }
  if (/cannot be read/.test(reason)) {
    return {
      layer: 'container runtime',
      what: 'its record is damaged',
      ...said,
      next: 'remove it (berth rmp -f), and run it again; berth check tells more of the damage',
    }
  }
  return {
    layer: 'container runtime',
    what:
      reason === '' ? 'it is not ready any more; the runtime does not tell why' : 'it has lost a part that it needs',
    ...said,
    next: 'remove it (berth rmp -f) and run it again; the kubelet does so by itself',
  }
}
