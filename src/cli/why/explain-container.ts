import { describeDuration } from '../format/age.ts'
import { aboutContainer, failuresOf, waitsOf } from './about.ts'
import { troublesOf } from './agent-report.ts'
import type { Cause, Explanation } from './explanation.ts'
import { exitCause } from './exit-code.ts'
import type { ContainerFacts, PodFacts } from './pod-facts.ts'
import type { ProcessTrouble } from './process-trouble.ts'
import type { RuntimeReport } from './runtime-report.ts'
import { withTroubleCauses } from './trouble-cause.ts'

/** What there is to tell of a container. */
export function explainContainer(container: ContainerFacts, pod: PodFacts, report: RuntimeReport): Explanation {
  const about = aboutContainer(pod, container)
  const waits = waitsOf(report, about)
  const own = stateCauses(container, pod, waits.length > 0)
  const failures = failuresOf(report, about).filter((cause) => !own.some(({ said }) => said === cause.said))
  // Images are told of at the pod, for which they are pulled.
  const troubles = troublesOf(pod.agent, container.name).filter(({ of }) => of !== 'image')
  const causes = withTroubleCauses([...own, ...failures], troubles)
  const finished = container.state === 'exited' && container.exitCode === 0
  return {
    kind: 'container',
    name: `${pod.namespace}/${pod.name}/${container.name}`,
    id: container.id,
    state: describeState(container),
    ok: waits.length === 0 && (finished || causes.length === 0),
    waits,
    causes,
    notes: [...loopNotes(container), ...container.earlier.slice(0, 4).map(describeAttempt)],
    lastLines: container.lastLines,
  }
}

function stateCauses(container: ContainerFacts, pod: PodFacts, busy: boolean): Cause[] {
  switch (container.state) {
    case 'exited':
      return [exitCause({ ...container, ranMs: ranMs(container), isDone: isDone(container, pod) })]
    case 'unknown':
      return [
        {
          layer: 'container runtime',
          what: 'nobody can tell whether it runs',
          ...(container.message !== '' && { said: container.message }),
          next: `stop it or remove it: berth rm -f ${container.id.slice(0, 12)}; its pod can make another`,
        },
      ]
    case 'running':
      return container.trouble ? troubleCauses(container.trouble) : []
    case 'created':
      if (busy) return []
      return [
        {
          layer: 'client',
          what: pod.ready
            ? 'it is created, and nobody has asked for its start'
            : 'it is created, and its pod is not ready: it cannot be started any more',
          next: pod.ready
            ? `the kubelet does that when it is its turn; by hand: berth start ${container.id.slice(0, 12)}`
            : 'remove it with its pod: berth rmp',
        },
      ]
    default:
      return container.state satisfies never
  }
}

/** Whether the pod is well without it. CRI does not tell of init containers: what began only after its end shows that it is one. */
function isDone({ id, exitCode, createdAt, finishedAt }: ContainerFacts, pod: PodFacts): boolean {
  if (exitCode !== 0) return false
  const { status } = pod.agent ?? {}
  if (status && (status.state === 'Completed' || (status.total > 0 && status.ready === status.total))) return true
  const others = pod.containers.filter((other) => other.id !== id)
  const followers = others.filter((other) => [other, ...other.earlier].every((each) => each.createdAt >= finishedAt))
  const before = others.filter((other) => other.finishedAt > 0 && other.finishedAt <= createdAt && other.exitCode === 0)
  return followers.length > 0 && followers.length + before.length === others.length
}

function troubleCauses({ state, waitsIn, oomKills }: ProcessTrouble): Cause[] {
  const where = waitsIn === undefined ? '' : ` (in ${waitsIn})`
  const causes: Cause[] = []
  if (state === 'D') {
    causes.push({
      layer: 'kernel',
      what: `its process waits in the kernel and takes no signal, not even SIGKILL${where}`,
      next: 'most often a network file system or a disk that does not answer: mend that, and it goes on',
    })
  } else if (state !== undefined) {
    causes.push({
      layer: 'kernel',
      what: state === 'T' ? 'its process was stopped by a signal (SIGSTOP)' : 'a debugger holds its process',
      next: state === 'T' ? 'let it go on: send it SIGCONT' : 'end the debugger',
    })
  }
  if (oomKills > 0) {
    causes.push({
      layer: 'kernel',
      what: `the OOM killer has killed ${oomKills} of its processes, though not its first`,
      next: 'raise resources.limits.memory, or see which of its processes takes the memory',
    })
  }
  return causes
}

/** A container of a later attempt that ended is one that ends again and again. */
function loopNotes({ state, attempt }: ContainerFacts): string[] {
  if (state !== 'exited' || attempt === 0) return []
  return [
    `it has been started ${attempt + 1} times; the kubelet waits longer each time, from 10 s to 5 minutes (CrashLoopBackOff)`,
  ]
}

function describeAttempt(container: ContainerFacts): string {
  const { attempt, state, exitCode, reason } = container
  if (state !== 'exited') return `attempt ${attempt}: ${state}`
  const ran = ranMs(container)
  const after = ran === undefined ? ', without having run' : ` after ${describeDuration(ran).toLowerCase()}`
  return `attempt ${attempt}: ended with ${exitCode}${reason && ` (${reason})`}${after}`
}

function describeState({ state, exitCode, reason, attempt }: ContainerFacts): string {
  const nth = attempt > 0 ? `, attempt ${attempt}` : ''
  const ended = state === 'exited' ? ` (${[String(exitCode), reason].filter((word) => word !== '').join(', ')})` : ''
  return `${state.charAt(0).toUpperCase()}${state.slice(1)}${ended}${nth}`
}

/** What CRI gives one that never ran as its start is the time it was made. */
function ranMs({ startedAt, finishedAt, reason }: ContainerFacts): number | undefined {
  return startedAt === 0 || reason === 'StartError' ? undefined : Math.max(0, finishedAt - startedAt)
}
