import { askStatus } from '../../agent/control-socket.ts'
import { agentLabel } from '../../agent/marks.ts'
import type { PodStatus } from '../../agent/pod-status.ts'
import type { Trouble } from '../../agent/trouble.ts'
import type { PodSandbox } from '../../client/index.ts'
import type { Explanation } from './explanation.ts'

/** What the agents on this machine tell of their pods, by folder of manifests; undefined where no agent runs. */
export type AgentReports = ReadonlyMap<string, readonly PodStatus[] | undefined>

/** The agent that a pod is of. */
export interface PodAgent {
  /** The folder of manifests. */
  readonly manifests: string
  readonly runs: boolean
  /** What it knows of the pod, if it does. */
  readonly status?: PodStatus
}

/** Asks the agents that these pods are of; an agent that does not answer is like one that does not run. */
export async function readAgentReports(sandboxes: readonly PodSandbox[], sockets: string): Promise<AgentReports> {
  const folders = new Set(sandboxes.flatMap(({ labels }) => labels[agentLabel] ?? []))
  return new Map(
    await Promise.all(
      Array.from(folders, async (folder) => [folder, await askStatus(folder, sockets).catch(() => undefined)] as const),
    ),
  )
}

/** Undefined when the pod is of no agent. */
export function agentOf({ labels, metadata }: PodSandbox, reports: AgentReports): PodAgent | undefined {
  const manifests = labels[agentLabel]
  if (manifests === undefined) return undefined
  const statuses = reports.get(manifests)
  const status = statuses?.find(({ namespace, name }) => namespace === metadata?.namespace && name === metadata.name)
  return { manifests, runs: statuses !== undefined, ...(status && { status }) }
}

/** What the agent says of the pod itself (undefined), or of a container of it. */
export function troublesOf(agent: PodAgent | undefined, container: string | undefined): Trouble[] {
  // An agent of before an update tells of none.
  return (agent?.status?.troubles ?? []).filter((trouble) => trouble.container === container)
}

/** Advice speaks of the kubelet; the agent does the same for its pods. */
export function inTermsOfAgent(explanation: Explanation): Explanation {
  const causes = explanation.causes.map((cause) => ({ ...cause, next: agentForKubelet(cause.next) }))
  return { ...explanation, causes, notes: explanation.notes.map(agentForKubelet) }
}

// What is a file of the kubelet's is one.
const agentForKubelet = (text: string) =>
  text.replaceAll(/\bthe kubelet\b(?!: \/)/g, 'the agent').replaceAll(/\ba kubelet\b/g, 'an agent')
