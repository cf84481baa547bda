import type { Container, PodSandbox } from '../../client/index.ts'
import { BerthError } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { findPods } from '../pod-of.ts'
import { type Candidate, containerCandidate, podCandidate, resolveOne } from '../resolve.ts'
import { aboutContainer, failuresOf, waitsOf } from './about.ts'
import { type AgentReports, inTermsOfAgent, readAgentReports } from './agent-report.ts'
import { explainContainer } from './explain-container.ts'
import { explainImage } from './explain-image.ts'
import { explainPod, explainUnlistedPod, type UnlistedPod } from './explain-pod.ts'
import type { Explanation } from './explanation.ts'
import { type PodFacts, readPod, undefinedIfGone } from './pod-facts.ts'
import { type CallSubject, readRuntimeReport, type RuntimeReport } from './runtime-report.ts'

/** All that the runtime lists, and what it reports of its work. */
interface Known {
  readonly sandboxes: readonly PodSandbox[]
  readonly containers: readonly Container[]
  readonly report: RuntimeReport
  readonly agents: AgentReports
}

/** What there is to tell of what `query` names: a pod with its containers, a container, or an image. */
export async function explain(cli: Cli, query: string, agentSockets: string): Promise<Explanation[]> {
  const known = await readAll(cli, agentSockets)
  // What is there comes before what is only known by a call.
  const pod =
    find('pod', query, known.sandboxes.map(podCandidate)) ??
    find('pod', query, unlistedPods(known).map(unlistedCandidate))
  if (pod) return explainPodNamed(cli, known, pod.id)
  const podOf = await findPods(cli, known.containers)
  const unmade = unmadeContainers(known)
  const container = find('container', query, [
    ...known.containers.map((listed) => containerCandidate(listed, podOf(listed))),
    ...unmade.map(({ candidate }) => candidate),
  ])
  const made = known.containers.find(({ id }) => id === container?.id)
  if (made) return explainContainerOf(cli, known, made)
  const explanation = unmade.find(({ candidate }) => candidate.id === container?.id)?.explanation
  if (explanation) return [explanation]
  const image = explainImage(query, known.report)
  if (image) return [image]
  throw new BerthError(
    'not-found',
    `nothing is known of "${query}": no pod, container or failed pull has that id or name; berth pods and berth ps -a show ` +
      'what there is, and berth why without a name what is not well',
  )
}

/** All that is not well. */
export async function explainAll(cli: Cli, agentSockets: string): Promise<Explanation[]> {
  const known = await readAll(cli, agentSockets)
  const explanations: Explanation[] = []
  for (const { id } of known.sandboxes) {
    explanations.push(...((await explainPodNamed(cli, known, id).catch(undefinedIfGone)) ?? []))
  }
  const ownImages = [...known.report.calls, ...known.report.failures].filter(({ pod, image }) => !pod && image)
  for (const image of new Set(ownImages.map(({ image }) => image ?? ''))) {
    const explanation = explainImage(image, known.report)
    if (explanation) explanations.push(explanation)
  }
  // The one that was tried last is the first.
  const unlisted = unlistedPods(known).toSorted((a, b) => b.triedAt - a.triedAt)
  for (const pod of unlisted) explanations.push(explainUnlistedPod(pod, known.report, cli.terminal.now()))
  return explanations.filter(({ ok }) => !ok)
}

async function readAll(cli: Cli, agentSockets: string): Promise<Known> {
  const [{ items }, { containers }, report] = await Promise.all([
    cli.cri.runtime.listPodSandbox({}, cli.ask),
    cli.cri.runtime.listContainers({}, cli.ask),
    readRuntimeReport(cli),
  ])
  return { sandboxes: items, containers, report, agents: await readAgentReports(items, agentSockets) }
}

async function explainPodNamed(cli: Cli, known: Known, id: string): Promise<Explanation[]> {
  const sandbox = known.sandboxes.find((listed) => listed.id === id)
  if (!sandbox) {
    return unlistedPods(known)
      .filter((pod) => unlistedCandidate(pod).id === id)
      .map((pod) => explainUnlistedPod(pod, known.report, cli.terminal.now()))
  }
  const pod = await readPod(cli, sandbox, known.containers, known.agents)
  const unmade = unmadeContainers(known).filter(({ sandboxId }) => sandboxId === id)
  return inTermsOf(pod, [
    explainPod(
      pod,
      known.report,
      unmade.map(({ name }) => name),
    ),
    ...pod.containers.map((container) => explainContainer(container, pod, known.report)),
    ...unmade.map(({ explanation }) => explanation),
  ])
}

const inTermsOf = ({ agent }: PodFacts, explanations: readonly Explanation[]) =>
  explanations.map((explanation) => (agent ? inTermsOfAgent(explanation) : explanation))

/** Of the pod, too, when that is not well. */
async function explainContainerOf(cli: Cli, known: Known, { id, podSandboxId }: Container): Promise<Explanation[]> {
  const sandbox = known.sandboxes.find((listed) => listed.id === podSandboxId)
  if (!sandbox) throw new BerthError('not-found', `the pod of container ${id} has gone meanwhile`)
  const pod = await readPod(cli, sandbox, known.containers, known.agents)
  const all = pod.containers.flatMap((newest) => [newest, ...newest.earlier])
  const unmade = unmadeContainers(known).filter(({ sandboxId }) => sandboxId === podSandboxId)
  const names = unmade.map(({ name }) => name)
  const ofPod = explainPod(pod, known.report, names)
  const own = all
    .filter((container) => container.id === id)
    .map((container) => explainContainer(container, pod, known.report))
  return inTermsOf(pod, ofPod.ok ? own : [...own, ofPod])
}

/** The candidate that `query` names; undefined when there is none. Throws when it could be several. */
function find(kind: string, query: string, candidates: readonly Candidate[]): Candidate | undefined {
  try {
    return resolveOne(kind, query, candidates, 'berth pods')
  } catch (error) {
    if (error instanceof BerthError && error.code === 'not-found') return undefined
    throw error
  }
}

/** The pods that only calls tell of, but for those whose name another one has since. */
function unlistedPods({ sandboxes, report }: Known): UnlistedPod[] {
  const calls = report.calls.map((call) => ({ ...call, triedAt: call.startedAt }))
  const failures = report.failures.map((failure) => ({ ...failure, triedAt: failure.lastAt }))
  const pods = new Map<string, UnlistedPod>()
  for (const { pod, triedAt } of [...calls, ...failures]) {
    if (!pod || sandboxes.some(({ metadata }) => metadata?.uid === pod.uid)) continue
    const isReplaced = sandboxes.some(
      ({ metadata, createdAt }) =>
        metadata?.name === pod.name &&
        metadata.namespace === pod.namespace &&
        Number(createdAt / 1_000_000n) >= triedAt,
    )
    const key = JSON.stringify(pod)
    if (!isReplaced) pods.set(key, { ...pod, triedAt: Math.max(triedAt, pods.get(key)?.triedAt ?? 0) })
  }
  return [...pods.values()]
}

/** By name, the one that was tried last is meant. */
function unlistedCandidate({ namespace, name, uid, triedAt }: UnlistedPod): Candidate {
  const fullName = `${namespace}/${name}`
  return { id: `${fullName}/${uid}`, names: [name, fullName], lineage: fullName, createdAt: BigInt(triedAt) }
}

interface UnmadeContainer {
  readonly sandboxId: string
  readonly name: string
  readonly candidate: Candidate
  readonly explanation: Explanation
}

/** The containers that are being created, or could not be, or were removed since they could not be started. */
function unmadeContainers({ sandboxes, containers, report }: Known): UnmadeContainer[] {
  const creations = [...report.calls, ...report.failures].filter(({ rpc }) => /^(Create|Start)Container$/.test(rpc))
  const found = new Map<string, UnmadeContainer>()
  for (const { sandboxId = '', container: name = '', pod } of creations as CallSubject[]) {
    const id = `${sandboxId}/${name}`
    const listed = containers.some((other) => other.podSandboxId === sandboxId && other.metadata?.name === name)
    if (listed || !pod || !sandboxes.some((sandbox) => sandbox.id === sandboxId)) continue
    const about = aboutContainer({ ...pod, id: sandboxId }, { name })
    const waits = waitsOf(report, about)
    found.set(id, {
      sandboxId,
      name,
      candidate: {
        id,
        names: [name, `${pod.name}/${name}`, `${pod.namespace}/${pod.name}/${name}`],
        lineage: id,
        createdAt: 0n,
      },
      explanation: {
        kind: 'container',
        name: `${pod.namespace}/${pod.name}/${name}`,
        state: waits.length > 0 ? 'being created' : 'not there',
        ok: false,
        waits,
        causes: failuresOf(report, about),
        notes: [],
        lastLines: [],
      },
    })
  }
  return [...found.values()]
}
