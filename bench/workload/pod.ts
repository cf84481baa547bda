import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  type ContainerConfigSchema,
  ContainerState,
  NamespaceMode,
  type PodSandboxConfigSchema,
} from '../../src/client/index.ts'
import type { Endpoint } from '../run/endpoint.ts'
import { waitForLine } from './container-log.ts'

/** The names of pods begin so; what a broken run has left is found by it. */
export const podPrefix = 'cri-bench-'

/** With what the container's process ends when it is asked to. */
const exitCode = 7

export interface PodRequest {
  readonly name: string
  /** Where the logs go. */
  readonly folder: string
  /** What the container runs instead of waiting for its end; it says `up NAME` first. */
  readonly script?: (podName: string) => string
  /** A folder of this machine that the container has as /bench. */
  readonly mount?: string
}

export interface Pod {
  readonly name: string
  readonly sandboxId: string
  readonly containerId: string
  readonly logFile: string
  readonly logFolder: string
  readonly times: UpTimes
}

/** Milliseconds. */
export interface UpTimes {
  readonly runPodSandbox: number
  readonly createContainer: number
  readonly startContainer: number
}

/** Milliseconds. */
export interface DownTimes {
  readonly stopContainer: number
  readonly stopPodSandbox: number
  readonly removeContainer: number
  readonly removePodSandbox: number
}

/** Says that it runs, and ends when it gets SIGTERM. */
const waitScript = (name: string) => `trap 'exit ${exitCode}' TERM; echo up ${name}; sleep 2147483647 & wait`

/** Makes a sandbox and creates a container in it, as the kubelet does for a pod of one container. */
export async function createPod({ cri, image, cgroup }: Endpoint, request: PodRequest): Promise<Pod> {
  const { name } = request
  const logFolder = join(request.folder, name)
  const sandboxConfig: MessageInitShape<typeof PodSandboxConfigSchema> = {
    metadata: { name, namespace: 'default', uid: name, attempt: 0 },
    hostname: name,
    logDirectory: logFolder,
    labels: { 'io.kubernetes.pod.name': name, 'io.kubernetes.pod.namespace': 'default', 'io.kubernetes.pod.uid': name },
    linux: {
      ...(cgroup === undefined ? {} : { cgroupParent: `${cgroup}/pods` }),
      securityContext: { namespaceOptions: namespaces },
    },
  }
  const [runPodSandbox, { podSandboxId }] = await timed(() => cri.runtime.runPodSandbox({ config: sandboxConfig }))
  const config: MessageInitShape<typeof ContainerConfigSchema> = {
    metadata: { name: 'main', attempt: 0 },
    image,
    command: ['/bin/sh', '-c', (request.script ?? waitScript)(name)],
    mounts: request.mount === undefined ? [] : [{ hostPath: request.mount, containerPath: '/bench' }],
    logPath: 'main.log',
    labels: { ...sandboxConfig.labels, 'io.kubernetes.container.name': 'main' },
    linux: { securityContext: { namespaceOptions: namespaces }, resources: { cpuShares: 2n, oomScoreAdj: 1000n } },
  }
  const [createContainer, { containerId }] = await timed(() =>
    cri.runtime.createContainer({ podSandboxId, config, sandboxConfig }),
  )
  const logFile = join(logFolder, 'main.log')
  const times = { runPodSandbox, createContainer, startContainer: Number.NaN }
  return { name, sandboxId: podSandboxId, containerId, logFile, logFolder, times }
}

/** What the kubelet asks for when the pod does not say: PIDs of each container's own. */
const namespaces = { network: NamespaceMode.POD, pid: NamespaceMode.CONTAINER, ipc: NamespaceMode.POD }

export async function startPod({ cri }: Endpoint, pod: Pod): Promise<Pod> {
  const [startContainer] = await timed(() => cri.runtime.startContainer({ containerId: pod.containerId }))
  return { ...pod, times: { ...pod.times, startContainer } }
}

/** A pod from nothing to its container started. */
export async function podUp(endpoint: Endpoint, request: PodRequest): Promise<Pod> {
  return startPod(endpoint, await createPod(endpoint, request))
}

/** Waits until the container has said that it runs; from then on it also ends when it is asked to. */
export async function assertRuns(pod: Pod): Promise<void> {
  await waitForLine(pod.logFile, `up ${pod.name}`)
}

/** The pod's end as the kubelet does it; checks that the container ended as it was to, and that nothing of the pod is left. */
export async function podDown(endpoint: Endpoint, pod: Pod): Promise<DownTimes> {
  const { runtime } = endpoint.cri
  const { containerId, sandboxId: podSandboxId } = pod
  const [stopContainer] = await timed(() => runtime.stopContainer({ containerId, timeout: 30n }))
  const { status } = await runtime.containerStatus({ containerId })
  if (status?.state !== ContainerState.CONTAINER_EXITED || status.exitCode !== exitCode)
    throw new Error(
      `${endpoint.name}: the container of ${pod.name} was to exit with ${exitCode}, but after StopContainer it is in state ${status?.state} with exit code ${status?.exitCode}`,
    )
  const [stopPodSandbox] = await timed(() => runtime.stopPodSandbox({ podSandboxId }))
  const [removeContainer] = await timed(() => runtime.removeContainer({ containerId }))
  const [removePodSandbox] = await timed(() => runtime.removePodSandbox({ podSandboxId }))
  await assertGone(endpoint, pod)
  return { stopContainer, stopPodSandbox, removeContainer, removePodSandbox }
}

/** Ends a pod whatever its containers do. */
export async function removePod({ cri }: Endpoint, { sandboxId }: Pick<Pod, 'sandboxId'>): Promise<void> {
  const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId: sandboxId } })
  // At once: to stop the sandbox alone would give each of them its time to end.
  for (const { id } of containers) await cri.runtime.stopContainer({ containerId: id, timeout: 0n })
  await cri.runtime.stopPodSandbox({ podSandboxId: sandboxId })
  await cri.runtime.removePodSandbox({ podSandboxId: sandboxId })
}

async function assertGone(endpoint: Endpoint, pod: Pod): Promise<void> {
  const { runtime } = endpoint.cri
  const sandboxes = await runtime.listPodSandbox({ filter: { id: pod.sandboxId } })
  const { containers } = await runtime.listContainers({ filter: { id: pod.containerId } })
  if (sandboxes.items.length > 0 || containers.length > 0)
    throw new Error(`${endpoint.name}: ${pod.name} is still listed after it was removed`)
  rmSync(pod.logFolder, { recursive: true, force: true })
}

/** Removes what runs before this one have left; answers how many pods that were. */
export async function removeLeftovers(endpoint: Endpoint): Promise<number> {
  const { items } = await endpoint.cri.runtime.listPodSandbox({})
  const ours = items.filter(({ metadata }) => metadata?.name.startsWith(podPrefix))
  for (const { id } of ours) await removePod(endpoint, { sandboxId: id })
  return ours.length
}

async function timed<T>(call: () => Promise<T>): Promise<[milliseconds: number, result: T]> {
  const start = performance.now()
  const result = await call()
  return [performance.now() - start, result]
}
