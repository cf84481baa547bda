import { type Container, ContainerState, CriError, type PodSandbox, PodSandboxState } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { parseInfo } from '../format/json.ts'
import { lastLines } from '../logs/last-lines.ts'
import { agentOf, type AgentReports, type PodAgent } from './agent-report.ts'
import { type ProcessTrouble, processTrouble } from './process-trouble.ts'

/** A pod as the runtime lists it, with its containers. */
export interface PodFacts {
  readonly id: string
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly ready: boolean
  /** Why it is not ready, where the runtime tells. */
  readonly reason: string
  /** Why its network is not released, where it is to be. */
  readonly networkError?: string
  /** The agent that it is of. */
  readonly agent?: PodAgent
  /** The newest attempt of each container. */
  readonly containers: readonly ContainerFacts[]
}

export interface ContainerFacts {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly attempt: number
  readonly state: 'created' | 'running' | 'exited' | 'unknown'
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** Milliseconds since the epoch; 0 when it has not started, or not ended. */
  readonly startedAt: number
  readonly finishedAt: number
  readonly exitCode: number
  readonly reason: string
  readonly message: string
  /** In bytes; 0 when it has none. */
  readonly memoryLimit: number
  /** The attempts before that are still listed, newest first. */
  readonly earlier: readonly ContainerFacts[]
  /** What the kernel says against its first process. */
  readonly trouble?: ProcessTrouble
  readonly lastLines: readonly string[]
}

/** How many lines of a log are shown. */
const shownLines = 5

/** Asks for all that is to be known of a pod. */
export async function readPod(
  cli: Cli,
  sandbox: PodSandbox,
  listed: readonly Container[],
  agents: AgentReports,
): Promise<PodFacts> {
  const agent = agentOf(sandbox, agents)
  const { id, metadata } = sandbox
  const { namespace = '', name = '', uid = '' } = metadata ?? {}
  const { info } = await cli.cri.runtime.podSandboxStatus({ podSandboxId: id, verbose: true }, cli.ask)
  const { networkError, ...told } = parseInfo(info)
  const state = told.state as { readonly reason?: unknown } | undefined
  const own = listed.filter(({ podSandboxId }) => podSandboxId === id)
  const names = new Set(own.map(({ metadata }) => metadata?.name ?? ''))
  const containers = await Promise.all([...names].map((name) => readContainer(cli, attemptsOf(own, name))))
  return {
    id,
    namespace,
    name,
    uid,
    ready: sandbox.state === PodSandboxState.SANDBOX_READY,
    reason: typeof state?.reason === 'string' ? state.reason : '',
    ...(typeof networkError === 'string' && { networkError }),
    ...(agent && { agent }),
    containers: containers.filter((container) => container !== undefined),
  }
}

/** Newest first. */
function attemptsOf(containers: readonly Container[], name: string): Container[] {
  return containers
    .filter(({ metadata }) => metadata?.name === name)
    .sort((a, b) => (a.createdAt > b.createdAt ? -1 : 1))
}

async function readContainer(cli: Cli, attempts: readonly Container[]): Promise<ContainerFacts | undefined> {
  const read = await Promise.all(attempts.map((container) => readAttempt(cli, container).catch(undefinedIfGone)))
  const [newest, ...earlier] = read.filter((attempt) => attempt !== undefined)
  return newest && { ...newest, earlier }
}

async function readAttempt(cli: Cli, { id, metadata, image, createdAt }: Container): Promise<ContainerFacts> {
  const { status, info } = await cli.cri.runtime.containerStatus({ containerId: id, verbose: true }, cli.ask)
  const state = stateNames[status?.state ?? ContainerState.CONTAINER_UNKNOWN] ?? 'unknown'
  const { pid, cgroup } = parseInfo(info)
  const process = state === 'running' && typeof pid === 'number' && pid > 0 ? pid : undefined
  const trouble = process && processTrouble(process, typeof cgroup === 'string' ? cgroup : undefined)
  return {
    id,
    name: metadata?.name ?? '',
    image: image?.userSpecifiedImage || image?.image || '',
    attempt: metadata?.attempt ?? 0,
    state,
    createdAt: milliseconds(createdAt),
    startedAt: milliseconds(status?.startedAt),
    finishedAt: milliseconds(status?.finishedAt),
    exitCode: status?.exitCode ?? 0,
    reason: status?.reason ?? '',
    message: status?.message ?? '',
    memoryLimit: Number(status?.resources?.linux?.memoryLimitInBytes ?? 0n),
    earlier: [],
    ...(trouble && { trouble }),
    lastLines: state === 'exited' && status?.logPath ? await lastLines(status.logPath, shownLines) : [],
  }
}

/** What was listed may have been removed since. */
export function undefinedIfGone(error: unknown): undefined {
  if (!(error instanceof CriError && error.codeName === 'NOT_FOUND')) throw error
}

const stateNames: Readonly<Record<number, ContainerFacts['state']>> = {
  [ContainerState.CONTAINER_CREATED]: 'created',
  [ContainerState.CONTAINER_RUNNING]: 'running',
  [ContainerState.CONTAINER_EXITED]: 'exited',
  [ContainerState.CONTAINER_UNKNOWN]: 'unknown',
}

const milliseconds = (nanoseconds = 0n) => Number(nanoseconds / 1_000_000n)
