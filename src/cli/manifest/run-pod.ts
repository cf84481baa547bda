import { totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Container,
  ContainerState,
  type ContainerStatus,
  type PodSandboxConfig,
  PodSandboxState,
  type PodSandboxStatus,
} from '../../client/index.ts'
import { failedPrecondition, internal } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { podUidLabel } from '../pod-labels.ts'
import { nextAttempt } from './attempts.ts'
import { type ContainerManifest, hashOf } from './container.ts'
import { containerConfig, hashAnnotation } from './container-config.ts'
import { ensureImage } from './image.ts'
import type { PodManifest } from './pod.ts'
import { sandboxConfig } from './sandbox-config.ts'
import { prepareVolumes, volumesFolder } from './volume-folders.ts'

/** A pod that runs, and its containers in the manifest's order, the initial ones first. */
export interface RunningPod {
  readonly sandbox: PodSandboxStatus
  readonly containers: readonly ContainerStatus[]
}

/** Milliseconds between two looks at an init container. */
const pollMs = 100

/**
 * Brings a pod to run: sandbox, init containers one after another, containers. What is there from an earlier run stays as
 * it is, so that a second run changes nothing; a sandbox that is no longer ready is replaced by a new attempt. Logs stay.
 */
export async function runPod(cli: Cli, pod: PodManifest): Promise<RunningPod> {
  const volumePaths = prepareVolumes(pod, volumesFolder)
  const found = await findSandbox(cli, pod)
  const config = sandboxConfig(pod, found.attempt)
  const before = found.id === undefined ? [] : await newestContainers(cli, found.id)
  warnOfChanges(cli, pod, before)
  const started = pod.containers.some(({ name }) => stateOf(before, name) === ContainerState.CONTAINER_RUNNING)
  const missing = pod.containers.filter(({ name }) => stateOf(before, name) === undefined)
  // Init containers have had their turn once a container of the pod started.
  const initial = started || missing.length === 0 ? [] : pod.initContainers
  const imageIds = await ensureImages(cli, pod, [...initial, ...missing], config)
  const sandbox = await readySandbox(cli, pod, found.id, config)
  const podIps = [sandbox.network?.ip ?? '', ...(sandbox.network?.additionalIps ?? []).map(({ ip }) => ip)].filter(
    Boolean,
  )

  const bringUp = async (container: ContainerManifest, again: boolean) => {
    const existing = before.find(({ metadata }) => metadata?.name === container.name)
    if (existing && !again) return startIfCreated(cli, existing)
    const attempt = Math.max(nextAttempt(config.logDirectory, container.name), (existing?.metadata?.attempt ?? -1) + 1)
    const imageId = imageIds.get(container.name) ?? container.image
    const surroundings = { podIps, imageId, attempt, volumePaths, nodeMemory: totalmem() }
    const { containerId } = await cli.cri.runtime.createContainer(
      {
        podSandboxId: sandbox.id,
        config: containerConfig(pod, container, surroundings),
        sandboxConfig: config,
      },
      cli.work,
    )
    await cli.cri.runtime.startContainer({ containerId }, cli.work)
    return containerId
  }

  for (const container of initial) {
    const existing = before.find(({ metadata }) => metadata?.name === container.name)
    const failed = existing !== undefined && (await hasFailed(cli, existing.id))
    const id = await bringUp(container, failed)
    if (!container.sidecar) await waitForSuccess(cli, container.name, id)
  }
  for (const container of pod.containers) await bringUp(container, false)

  const order = [...pod.initContainers, ...pod.containers].map(({ name }) => name)
  const after = await newestContainers(cli, sandbox.id)
  const sorted = after.toSorted((a, b) => order.indexOf(a.metadata?.name ?? '') - order.indexOf(b.metadata?.name ?? ''))
  return { sandbox, containers: await Promise.all(sorted.map(({ id }) => statusOf(cli, id))) }
}

/** The pod's ready sandbox, or the attempt that a new one will be. */
async function findSandbox(cli: Cli, { uid }: PodManifest): Promise<{ id: string | undefined; attempt: number }> {
  const filter = { labelSelector: { [podUidLabel]: uid } }
  const { items } = await cli.cri.runtime.listPodSandbox({ filter }, cli.ask)
  const [newest] = items.toSorted((a, b) => Number(b.createdAt - a.createdAt))
  const attempt = newest?.metadata?.attempt ?? -1
  if (newest?.state === PodSandboxState.SANDBOX_READY) return { id: newest.id, attempt }
  if (items.length > 0) cli.note(`the sandbox of attempt ${attempt} is not ready; making a new one`)
  for (const { id: podSandboxId } of items) {
    await cli.cri.runtime.stopPodSandbox({ podSandboxId }, cli.work)
    await cli.cri.runtime.removePodSandbox({ podSandboxId }, cli.work)
  }
  return { id: undefined, attempt: attempt + 1 }
}

async function readySandbox(
  cli: Cli,
  { runtimeHandler }: PodManifest,
  found: string | undefined,
  config: PodSandboxConfig,
): Promise<PodSandboxStatus> {
  const podSandboxId = found ?? (await cli.cri.runtime.runPodSandbox({ config, runtimeHandler }, cli.work)).podSandboxId
  const { status } = await cli.cri.runtime.podSandboxStatus({ podSandboxId }, cli.ask)
  if (!status) throw internal(`the runtime gave no status of the sandbox ${podSandboxId}`)
  return status
}

/** Image ids by container name. Pulled before anything is made, so that a failed pull leaves nothing behind. */
async function ensureImages(
  cli: Cli,
  pod: PodManifest,
  containers: readonly ContainerManifest[],
  config: PodSandboxConfig,
): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  for (const container of containers) ids.set(container.name, await ensureImage(cli, pod, container, config))
  return ids
}

/** The containers of a sandbox, of each name the newest. */
async function newestContainers(cli: Cli, podSandboxId: string): Promise<Container[]> {
  const { containers } = await cli.cri.runtime.listContainers({ filter: { podSandboxId } }, cli.ask)
  const newest = new Map<string, Container>()
  for (const container of containers.toSorted((a, b) => Number(a.createdAt - b.createdAt))) {
    newest.set(container.metadata?.name ?? '', container)
  }
  return [...newest.values()]
}

const stateOf = (containers: readonly Container[], name: string) =>
  containers.find(({ metadata }) => metadata?.name === name)?.state

function warnOfChanges(cli: Cli, pod: PodManifest, containers: readonly Container[]): void {
  for (const { metadata, annotations } of containers) {
    const manifest = [...pod.initContainers, ...pod.containers].find(({ name }) => name === metadata?.name)
    const changed = manifest === undefined || annotations[hashAnnotation] !== hashOf(manifest)
    if (changed) {
      const name = `${pod.namespace}/${pod.name}`
      cli.note(
        `container "${metadata?.name}" is of an older manifest; for the new one: berth rmp -f ${name}, then run again`,
      )
    }
  }
}

async function startIfCreated(cli: Cli, { id, state }: Container): Promise<string> {
  if (state === ContainerState.CONTAINER_CREATED) await cli.cri.runtime.startContainer({ containerId: id }, cli.work)
  return id
}

async function hasFailed(cli: Cli, containerId: string): Promise<boolean> {
  const { state, exitCode } = await statusOf(cli, containerId)
  return state === ContainerState.CONTAINER_UNKNOWN || (state === ContainerState.CONTAINER_EXITED && exitCode !== 0)
}

async function waitForSuccess(cli: Cli, name: string, containerId: string): Promise<void> {
  for (;;) {
    const { state, exitCode, reason, message } = await statusOf(cli, containerId)
    if (state === ContainerState.CONTAINER_EXITED || state === ContainerState.CONTAINER_UNKNOWN) {
      if (state === ContainerState.CONTAINER_EXITED && exitCode === 0) return
      const why = [reason, message].filter(Boolean).join(': ')
      throw failedPrecondition(
        `init container "${name}" ended with exit code ${exitCode}${why && ` (${why})`}; berth logs ${containerId.slice(0, 12)} shows what it wrote, a new run tries it again`,
      )
    }
    await sleep(pollMs, undefined, { signal: cli.terminal.signal })
  }
}

async function statusOf(cli: Cli, containerId: string): Promise<ContainerStatus> {
  const { status } = await cli.cri.runtime.containerStatus({ containerId }, cli.ask)
  if (!status) throw internal(`the runtime gave no status of the container ${containerId}`)
  return status
}
