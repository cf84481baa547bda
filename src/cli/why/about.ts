import { describeSize } from '../format/size.ts'
import type { Cause, Wait } from './explanation.ts'
import { failureCause } from './failure-cause.ts'
import type { CallSubject, ReportedOperation, ReportedPull, RuntimeReport } from './runtime-report.ts'

/** Tells which calls and operations are about one thing. */
export interface About {
  readonly call: (call: CallSubject) => boolean
  readonly operation: (operation: ReportedOperation) => boolean
}

interface PodId {
  /** Of the sandbox; empty when there is none. */
  readonly id: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** The pod itself, not its containers. */
export function aboutPod(pod: PodId): About {
  return {
    call: (call) => isOfPod(call, pod) && call.container === undefined && call.containerId === undefined,
    operation: ({ key }) =>
      (pod.id !== '' && key === pod.id) || key.startsWith(`${pod.namespace}/${pod.name}/${pod.uid}/`),
  }
}

/** One container of a pod, whatever its attempt; without an id when it has not been made. */
export function aboutContainer(pod: PodId, { id, name }: { readonly id?: string; readonly name: string }): About {
  return {
    call: (call) => (id !== undefined && call.containerId === id) || (isOfPod(call, pod) && call.container === name),
    operation: ({ key }) => key === id || (pod.id !== '' && key.startsWith(`${pod.id}/${name}/`)),
  }
}

function isOfPod({ sandboxId, pod: of }: CallSubject, pod: PodId): boolean {
  if (pod.id !== '' && sandboxId === pod.id) return true
  return of !== undefined && of.namespace === pod.namespace && of.name === pod.name && of.uid === pod.uid
}

/** What is under way with it, oldest first. */
export function waitsOf(report: RuntimeReport, about: About): Wait[] {
  const operations = report.operations.filter(about.operation)
  const calls = report.calls.filter(about.call)
  // An operation is the same work as the call that began it, told with its stage.
  const withoutStage = calls.filter(({ rpc }) => !operations.some(({ name }) => name === rpc))
  const pulls = withoutStage.map((call) => ({ call, pull: report.pulls.find((pull) => isOfImage(pull, call.image)) }))
  return [
    ...operations.map(({ name, stage, startedAt, stageSince }) => ({
      what: name,
      since: startedAt,
      stage,
      stageSince,
      details: [],
      ...adviceOf(stage),
    })),
    ...pulls.map(({ call, pull }) => waitOfCall(call.rpc, call.startedAt, call.image, pull)),
  ].sort((a, b) => a.since - b.since)
}

export function waitOfCall(
  rpc: string,
  since: number,
  image: string | undefined,
  pull: ReportedPull | undefined,
): Wait {
  const what = image !== undefined && /Image/.test(rpc) ? `${rpc} of ${image}` : rpc
  if (rpc !== 'PullImage' || pull === undefined) return { what, since, details: [] }
  return {
    what,
    since,
    stage: pull.stage,
    stageSince: pull.stageSinceMs,
    details: [describePull(pull)],
    next: 'if the bytes do not grow, the registry or the network to it is slow or away',
  }
}

function describePull({ layers }: ReportedPull): string {
  const sum = (of: (layer: ReportedPull['layers'][number]) => number) =>
    layers.reduce((total, layer) => total + of(layer), 0)
  const done = layers.filter(({ stage }) => stage === 'done' || stage === 'present').length
  if (layers.length === 0) return 'the registry has not yet told what the image is made of'
  const bytes = `${describeSize(sum((layer) => layer.downloadedBytes))} of ${describeSize(sum((layer) => layer.totalBytes))}`
  return `${done} of ${layers.length} layers are there, ${bytes} have come`
}

/** A pull goes by the full name of the image, a call by the name that it was given. */
export function isOfImage({ image }: ReportedPull, name: string | undefined): boolean {
  if (name === undefined) return false
  return image === name || image === `${name}:latest` || image.endsWith(`/${name}`) || image.endsWith(`/${name}:latest`)
}

/** What to do when a stage takes long. */
function adviceOf(stage: string): { readonly next?: string } {
  const next = [
    {
      words: /network/,
      next: 'a CNI plugin is at work; it is killed after 60 s. See what it waits for: ps -ef, its own log',
    },
    {
      words: /OCI runtime/,
      next: 'runc or crun is at work; it is killed after 4 minutes. See what it waits for: ps -ef, dmesg, hooks',
    },
    { words: /host path/, next: 'a path on a network file system whose server is away does not answer' },
    { words: /NRI/, next: 'an NRI plugin is being asked; one that does not answer in time is cut off' },
    { words: /after SIG(?!KILL)/, next: 'its program does not end at the signal; to end it now: berth stop -t 0' },
    {
      words: /gone after SIGKILL/,
      next: 'a killed process that stays hangs in the kernel: see berth why again in a while, and dmesg',
    },
    { words: /shim/, next: 'a process of berthd is being started or takes its containers over' },
  ].find(({ words }) => words.test(stage))?.next
  return next === undefined ? {} : { next }
}

/** What of it failed last and has not succeeded since, the newest first. */
export function failuresOf(report: RuntimeReport, about: About): Cause[] {
  return report.failures.filter(about.call).map(failureCause)
}
