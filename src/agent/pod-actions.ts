import { CriError, type PodSandboxConfig } from '../client/index.ts'
import type { ContainerManifest } from '../manifest/container.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { sandboxConfig } from '../manifest/sandbox-config.ts'
import { wordsOf } from './access.ts'
import type { AgentParts, DesiredPod } from './agent-parts.ts'
import type { Step } from './decide.ts'
import { firstHostIdOf } from './host-ids.ts'
import { ensureImage } from './image.ts'
import {
  agentLabel,
  backOffAnnotation,
  deploymentLabel,
  fileAnnotation,
  graceAnnotation,
  manifestHashAnnotation,
  messagePolicyAnnotation,
  preStopAnnotation,
  sidecarAnnotation,
} from './marks.ts'
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './observe.ts'
import { perform } from './perform.ts'
import { createContainer } from './start-container.ts'
import { stopContainers } from './stop-containers.ts'
import { makeMessageFile } from './termination-message.ts'

type StartStep = Step & { readonly kind: 'start' | 'start-created' }

/** The addresses of a sandbox; none when it is on the network of this machine. */
export async function addressesOf({ cri, ask }: AgentParts['access'], podSandboxId: string): Promise<string[]> {
  const { status } = await cri.runtime.podSandboxStatus({ podSandboxId }, ask)
  const { ip = '', additionalIps = [] } = status?.network ?? {}
  return [ip, ...additionalIps.map((more) => more.ip)].filter((address) => address !== '')
}

/** @param sandbox the one that is there already */
async function configOf(
  { access, manifests, logsFolder }: AgentParts,
  wish: DesiredPod,
  attempt: number,
  sandbox?: ObservedSandbox,
): Promise<PodSandboxConfig> {
  const { pod, hash, file, deployment } = wish
  const labels = { [agentLabel]: manifests, ...(deployment !== undefined && { [deploymentLabel]: deployment }) }
  const annotations = { [manifestHashAnnotation]: hash, [fileAnnotation]: file }
  const firstHostId = await firstHostIdOf(access, pod, sandbox)
  return sandboxConfig(pod, attempt, { labels, annotations, logsFolder, firstHostId })
}

/** Runs a new sandbox; those before it are stopped first. */
export async function runSandbox(
  parts: AgentParts,
  wish: DesiredPod,
  attempt: number,
  { sandboxes }: ObservedPod,
): Promise<void> {
  const { cri, work } = parts.access
  for (const { id: podSandboxId } of sandboxes) await cri.runtime.stopPodSandbox({ podSandboxId }, work)
  const config = await configOf(parts, wish, attempt)
  await cri.runtime.runPodSandbox({ config, runtimeHandler: wish.pod.runtimeHandler }, work)
}

/**
 * Starts a container of a pod and runs its postStart hook; one whose hook fails is killed.
 *
 * @param signal fires when the pod is wished to be something else: pulls and hooks are then given up
 * @throws whatever kept it from starting; nothing of the container is left then
 */
export async function startContainer(
  parts: AgentParts,
  wish: DesiredPod,
  step: StartStep,
  sandbox: ObservedSandbox,
  signal: AbortSignal,
): Promise<void> {
  const podIps = await addressesOf(parts.access, sandbox.id)
  const containerId =
    step.kind === 'start-created' ? step.created.id : await create(parts, wish, step, sandbox, podIps, signal)
  const { cri, work } = parts.access
  try {
    await cri.runtime.startContainer({ containerId }, work)
  } catch (error) {
    // What could not be started is of no use any more; a runtime that is away may have started it.
    const away = error instanceof CriError && error.codeName === 'UNAVAILABLE'
    if (!away) await cri.runtime.removeContainer({ containerId }, work).catch(() => {})
    throw error
  }
  await runPostStart(parts, wish.pod, step.container, { containerId, podIp: podIps[0] ?? '127.0.0.1' }, signal)
}

async function create(
  parts: AgentParts,
  wish: DesiredPod,
  { container, attempt, backOffMs }: Step & { readonly kind: 'start' },
  sandbox: ObservedSandbox,
  podIps: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const config = await configOf(parts, wish, sandbox.attempt, sandbox)
  const { access, lookup } = parts
  const signals = [signal, ...(access.work.signal ? [access.work.signal] : [])]
  const patient = {
    cri: access.cri,
    ask: access.ask,
    work: { ...access.work, signal: AbortSignal.any(signals) },
    note: (line: string) => access.note(line),
  }
  const imageId = await ensureImage(patient, wish.pod, container, config, lookup)
  return createContainer(parts, wish.pod, {
    container,
    attempt,
    imageId,
    podSandboxId: sandbox.id,
    sandboxConfig: config,
    podIps,
    more: (attempt) => marksOf(parts, wish.pod, container, backOffMs, attempt),
  })
}

/** What is written on a container, for its end and for the next start. */
function marksOf(
  { volumesFolder, manifests }: AgentParts,
  pod: PodManifest,
  container: ContainerManifest,
  backOffMs: number,
  attempt: number,
) {
  const place = pod.initContainers.findIndex(({ name }) => name === container.name)
  const hostPath = makeMessageFile(volumesFolder, pod.uid, container.name, attempt)
  return {
    labels: { [agentLabel]: manifests },
    annotations: {
      [backOffAnnotation]: String(backOffMs),
      [graceAnnotation]: String(pod.graceSeconds),
      [messagePolicyAnnotation]: container.messageFromLog ? 'FallbackToLogsOnError' : 'File',
      ...(container.preStop && { [preStopAnnotation]: JSON.stringify(container.preStop) }),
      ...(container.sidecar && { [sidecarAnnotation]: String(place) }),
    },
    mounts: [{ containerPath: container.terminationMessagePath, hostPath }],
  }
}

/** Milliseconds that a postStart hook may take; the kubelet has no limit. */
const longestHookMs = 600_000

async function runPostStart(
  { access, time }: AgentParts,
  { namespace, name, graceSeconds }: PodManifest,
  { postStart, name: container }: ContainerManifest,
  target: { readonly containerId: string; readonly podIp: string },
  signal: AbortSignal,
): Promise<void> {
  if (!postStart) return
  if (postStart.kind === 'sleep') return time.wait(postStart.seconds * 1000, signal)
  const timing = { timeoutMs: longestHookMs, signal }
  const { ok, message } = await perform(access, postStart, target, timing).catch((error: unknown) => ({
    ok: false,
    message: wordsOf(error),
  }))
  if (ok || signal.aborted) return
  access.note(
    `pod ${namespace}/${name}: the postStart hook of container "${container}" failed, so it is killed: ${message}`,
  )
  const { containerId } = target
  await access.cri.runtime.stopContainer({ containerId, timeout: BigInt(graceSeconds) }, access.work)
}

/** Stops containers of a pod, with their hooks and in their order. */
export async function stopRunning(
  { access, time }: AgentParts,
  running: readonly ObservedContainer[],
  sandbox: ObservedSandbox | undefined,
  graceSeconds?: number,
): Promise<void> {
  if (running.length === 0) return
  const [podIp = '127.0.0.1'] = sandbox ? await addressesOf(access, sandbox.id) : []
  await stopContainers(running, { access, time, podIp, ...(graceSeconds !== undefined && { graceSeconds }) })
}
