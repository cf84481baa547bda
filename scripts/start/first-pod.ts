import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { ContainerState, type CriConnection, PodSandboxState } from '../../src/client/index.ts'

/** The pod that `npm start` runs, and the container of it whose log it shows, as the manifest names them. */
export interface FirstPod {
  readonly name: string
  readonly namespace: string
  readonly container: string
}

/** What the runtime has of the pod. */
export type PodFound =
  | { readonly state: 'absent' | 'stopped' }
  | { readonly state: 'running'; readonly logPath: string }

export function readFirstPod(manifestFile: string): FirstPod {
  const { metadata, spec } = parse(readFileSync(manifestFile, 'utf8')) as {
    metadata?: { name?: string; namespace?: string }
    spec?: { containers?: { name?: string }[] }
  }
  const container = spec?.containers?.[0]?.name
  if (!metadata?.name || !container) throw new Error(`${manifestFile} is no manifest of a Pod with a container`)
  return { name: metadata.name, namespace: metadata.namespace ?? 'default', container }
}

/** Looks for the pod, as an earlier start may have left it. */
export async function findPod(cri: CriConnection, pod: FirstPod): Promise<PodFound> {
  const { items } = await cri.runtime.listPodSandbox({})
  const sandboxes = items.filter(({ metadata }) => metadata?.name === pod.name && metadata.namespace === pod.namespace)
  if (sandboxes.length === 0) return { state: 'absent' }
  for (const { id } of sandboxes.filter(({ state }) => state === PodSandboxState.SANDBOX_READY)) {
    const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId: id } })
    const running = containers.find(
      ({ state, metadata }) => state === ContainerState.CONTAINER_RUNNING && metadata?.name === pod.container,
    )
    if (!running) continue
    const { status } = await cri.runtime.containerStatus({ containerId: running.id })
    return { state: 'running', logPath: status?.logPath ?? '' }
  }
  return { state: 'stopped' }
}

/** Waits until a log has so many lines, or 10 seconds have passed. */
export async function someLines(logPath: string, lines: number): Promise<void> {
  const deadline = Date.now() + 10_000
  const count = () => (existsSync(logPath) ? readFileSync(logPath, 'utf8').split('\n').length - 1 : 0)
  while (count() < lines && Date.now() < deadline) await sleep(50)
}

/** The names of the pods that run, for the moment when berthd is about to end. */
export async function runningPods(cri: CriConnection): Promise<readonly string[]> {
  const { items } = await cri.runtime.listPodSandbox({ filter: { state: { state: PodSandboxState.SANDBOX_READY } } })
  return items.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`).sort()
}
