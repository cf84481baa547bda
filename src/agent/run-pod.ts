import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Container,
  ContainerState,
  type ContainerStatus,
  type PodSandbox,
  type PodSandboxConfig,
  PodSandboxState,
  type PodSandboxStatus,
} from '../client/index.ts'
import { failedPrecondition, internal } from '../lib/errors.ts'
import { checkConfigRefs } from '../manifest/config-refs.ts'
import { hashAnnotation } from '../manifest/container-config.ts'
import { type ContainerManifest, hashOf } from '../manifest/container.ts'
import { podUidLabel } from '../manifest/pod-labels.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { sandboxConfig } from '../manifest/sandbox-config.ts'
import type { Access } from './access.ts'
import { firstHostIdOf } from './host-ids.ts'
import { ensureImage } from './image.ts'
import { createContainer, type Place } from './start-container.ts'

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
export async function runPod(place: Place, pod: PodManifest): Promise<RunningPod> {
  const { access } = place
  const found = await findSandbox(access, pod)
  const firstHostId = await firstHostIdOf(access, pod, found.sandbox)
  const config = sandboxConfig(pod, found.attempt, { firstHostId })
  const before = found.sandbox ? await newestContainers(access, found.sandbox.id) : []
  warnOfChanges(access, pod, before)
  const started = pod.containers.some(({ name }) => stateOf(before, name) === ContainerState.CONTAINER_RUNNING)
  const missing = pod.containers.filter(({ name }) => stateOf(before, name) === undefined)
  // Init containers have had their turn once a container of the pod started.
  const initial = started || missing.length === 0 ? [] : pod.initContainers
  const toMake = [...initial, ...missing]
  if (toMake.length > 0) checkConfigRefs(pod, toMake, place.lookup)
  const imageIds = await ensureImages(place, pod, toMake, config)
  const sandbox = await readySandbox(access, pod, found.sandbox?.id, config)
  const podIps = [sandbox.network?.ip ?? '', ...(sandbox.network?.additionalIps ?? []).map(({ ip }) => ip)].filter(
    Boolean,
  )

  const bringUp = async (container: ContainerManifest, again: boolean) => {
    const existing = before.find(({ metadata }) => metadata?.name === container.name)
    if (existing && !again) return startIfCreated(access, existing)
    const attempt = (existing?.metadata?.attempt ?? -1) + 1
    const imageId = imageIds.get(container.name)
    const wanted = { container, attempt, imageId, podSandboxId: sandbox.id, sandboxConfig: config, podIps }
    const containerId = await createContainer(place, pod, wanted)
    await access.cri.runtime.startContainer({ containerId }, access.work)
    return containerId
  }

  for (const container of initial) {
    const existing = before.find(({ metadata }) => metadata?.name === container.name)
    const failed = existing !== undefined && (await hasFailed(access, existing.id))
    const id = await bringUp(container, failed)
    if (!container.sidecar) await waitForSuccess(access, container.name, id)
  }
  for (const container of pod.containers) await bringUp(container, false)

  const order = [...pod.initContainers, ...pod.containers].map(({ name }) => name)
  const after = await newestContainers(access, sandbox.id)
  const sorted = after.toSorted((a, b) => order.indexOf(a.metadata?.name ?? '') - order.indexOf(b.metadata?.name ?? ''))
  return { sandbox, containers: await Promise.all(sorted.map(({ id }) => statusOf(access, id))) }
}

/** The pod's ready sandbox, or the attempt that a new one will be. */
async function findSandbox(access: Access, { uid }: PodManifest): Promise<{ sandbox?: PodSandbox; attempt: number }> {
  const filter = { labelSelector: { [podUidLabel]: uid } }
  const { items } = await access.cri.runtime.listPodSandbox({ filter }, access.ask)
  const [newest] = items.toSorted((a, b) => Number(b.createdAt - a.createdAt))
  const attempt = newest?.metadata?.attempt ?? -1
  if (newest?.state === PodSandboxState.SANDBOX_READY) return { sandbox: newest, attempt }
  if (items.length > 0) access.note(`the sandbox of attempt ${attempt} is not ready; making a new one`)
  for (const { id: podSandboxId } of items) {
    await access.cri.runtime.stopPodSandbox({ podSandboxId }, access.work)
    await access.cri.runtime.removePodSandbox({ podSandboxId }, access.work)
  }
  return { attempt: attempt + 1 }
}

async function readySandbox(
  access: Access,
  { runtimeHandler }: PodManifest,
  found: string | undefined,
  config: PodSandboxConfig,
): Promise<PodSandboxStatus> {
  const podSandboxId =
    found ?? (await access.cri.runtime.runPodSandbox({ config, runtimeHandler }, access.work)).podSandboxId
  const { status } = await access.cri.runtime.podSandboxStatus({ podSandboxId }, access.ask)
  if (!status) throw internal(`the runtime gave no status of the sandbox ${podSandboxId}`)
  return status
}

/** Image ids by container name. Pulled before anything is made, so that a failed pull leaves nothing behind. */
async function ensureImages(
  { access, lookup }: Place,
  pod: PodManifest,
  containers: readonly ContainerManifest[],
  config: PodSandboxConfig,
): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  for (const container of containers) {
    ids.set(container.name, await ensureImage(access, pod, container, config, lookup))
  }
  return ids
}

/** The containers of a sandbox, of each name the newest. */
async function newestContainers(access: Access, podSandboxId: string): Promise<Container[]> {
  const { containers } = await access.cri.runtime.listContainers({ filter: { podSandboxId } }, access.ask)
  const newest = new Map<string, Container>()
  for (const container of containers.toSorted((a, b) => Number(a.createdAt - b.createdAt))) {
    newest.set(container.metadata?.name ?? '', container)
  }
  return [...newest.values()]
}

const stateOf = (containers: readonly Container[], name: string) =>
  containers.find(({ metadata }) => metadata?.name === name)?.state

function warnOfChanges(access: Access, pod: PodManifest, containers: readonly Container[]): void {
  for (const { metadata, annotations } of containers) {
    const manifest = [...pod.initContainers, ...pod.containers].find(({ name }) => name === metadata?.name)
    const changed = manifest === undefined || annotations[hashAnnotation] !== hashOf(manifest)
    if (changed) {
      const name = `${pod.namespace}/${pod.name}`
      access.note(
        `container "${metadata?.name}" is of an older manifest; for the new one: berth rmp -f ${name}, then run again`,
      )
    }
  }
}

async function startIfCreated(access: Access, { id, state }: Container): Promise<string> {
  if (state === ContainerState.CONTAINER_CREATED)
    await access.cri.runtime.startContainer({ containerId: id }, access.work)
  return id
}

async function hasFailed(access: Access, containerId: string): Promise<boolean> {
  const { state, exitCode } = await statusOf(access, containerId)
  return state === ContainerState.CONTAINER_UNKNOWN || (state === ContainerState.CONTAINER_EXITED && exitCode !== 0)
}

async function waitForSuccess(access: Access, name: string, containerId: string): Promise<void> {
  for (;;) {
    const { state, exitCode, reason, message } = await statusOf(access, containerId)
    if (state === ContainerState.CONTAINER_EXITED || state === ContainerState.CONTAINER_UNKNOWN) {
      if (state === ContainerState.CONTAINER_EXITED && exitCode === 0) return
      const why = [reason, message].filter(Boolean).join(': ')
      throw failedPrecondition(
        `init container "${name}" ended with exit code ${exitCode}${why && ` (${why})`}; berth logs ${containerId.slice(0, 12)} shows what it wrote, a new run tries it again`,
      )
    }
    await sleep(pollMs, undefined, access.work.signal && { signal: access.work.signal })
  }
}

async function statusOf(access: Access, containerId: string): Promise<ContainerStatus> {
  const { status } = await access.cri.runtime.containerStatus({ containerId }, access.ask)
  if (!status) throw internal(`the runtime gave no status of the container ${containerId}`)
  return status
}
