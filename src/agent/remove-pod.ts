import { rmSync } from 'node:fs'
import { isSafeName } from '../manifest/names.ts'
import { podNameOf, podNamespaceOf } from '../manifest/pod-labels.ts'
import { logDirectory } from '../manifest/sandbox-config.ts'
import type { AgentParts } from './agent-parts.ts'
import type { ObservedPod, ObservedSandbox } from './observe.ts'
import { stopRunning } from './pod-actions.ts'
import { removeVolumes } from './volume-folders.ts'

/**
 * Ends sandboxes of a pod in good order and removes all that is left of them, the records last: if this is cut short, it
 * begins anew.
 */
export async function removePod(
  parts: AgentParts,
  sandboxes: readonly ObservedSandbox[],
  { containers }: ObservedPod,
): Promise<void> {
  const { cri, work } = parts.access
  for (const sandbox of sandboxes) {
    const running = containers.filter(({ sandboxId, state }) => sandboxId === sandbox.id && state === 'running')
    await stopRunning(parts, running, sandbox)
    await cri.runtime.stopPodSandbox({ podSandboxId: sandbox.id }, work)
  }
  for (const { uid, labels } of sandboxes) {
    await removeVolumes(uid, parts.volumesFolder, parts.mounts)
    const [namespace, name] = [podNamespaceOf(labels), podNameOf(labels)]
    // They come from the runtime: they must not lead elsewhere.
    if (![namespace, name, uid].every(isSafeName)) continue
    rmSync(logDirectory({ namespace, name, uid }, parts.logsFolder), { recursive: true, force: true })
  }
  for (const { id: podSandboxId } of sandboxes) await cri.runtime.removePodSandbox({ podSandboxId }, work)
}
