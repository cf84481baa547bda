import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ContainerState, type CriConnection, PodSandboxState } from '../../src/client/index.ts'

/** The pod and the container of examples/hello.yaml. */
const pod = { name: 'hello', namespace: 'default' }

export type HelloPod =
  | { readonly state: 'absent' | 'stopped' }
  | { readonly state: 'running'; readonly logPath: string }

/** What there is of the pod from an earlier start. */
export async function findHelloPod(cri: CriConnection): Promise<HelloPod> {
  const { items } = await cri.runtime.listPodSandbox({})
  const sandboxes = items.filter(({ metadata }) => metadata?.name === pod.name && metadata.namespace === pod.namespace)
  if (sandboxes.length === 0) return { state: 'absent' }
  for (const { id } of sandboxes.filter(({ state }) => state === PodSandboxState.SANDBOX_READY)) {
    const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId: id } })
    const running = containers.find(({ state }) => state === ContainerState.CONTAINER_RUNNING)
    if (!running) continue
    const { status } = await cri.runtime.containerStatus({ containerId: running.id })
    return { state: 'running', logPath: status?.logPath ?? '' }
  }
  return { state: 'stopped' }
}

/** Waits until the pod has written some lines, or 10 seconds have passed. */
export async function someLines(logPath: string, lines: number): Promise<void> {
  const deadline = Date.now() + 10_000
  const count = () => (existsSync(logPath) ? readFileSync(logPath, 'utf8').split('\n').length - 1 : 0)
  while (count() < lines && Date.now() < deadline) await sleep(50)
}
