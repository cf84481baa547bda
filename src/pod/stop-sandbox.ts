import { failedPrecondition } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { nextSandboxState } from '../state/sandbox-state.ts'
import { clearRuntime } from './clear-runtime.ts'
import { clearInfraCgroup } from './infra-cgroup.ts'
import { stopInfraProcess } from './infra-process.ts'
import { containersOf, findSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { releaseMounts, releaseNetwork } from './release-network.ts'
import { killContainers } from './stop-container.ts'

/**
 * Stops a sandbox: kills its containers, takes it off the network, lets go of its namespaces and cgroups. An unknown or a
 * stopped one is no error. What fails can be repeated: the sandbox is NOTREADY from the beginning. Plugins that do not release its
 * network do not fail it.
 */
export async function stopSandbox(parts: PodParts, id: string): Promise<void> {
  const sandbox = findSandbox(parts, id)
  if (!sandbox) return
  await stopKnownSandbox(parts, sandbox, 'it was stopped by request')
}

/** The same for a record in hand; `reason` is for people. */
export function stopKnownSandbox(parts: PodParts, sandbox: SandboxRecord, reason: string): Promise<void> {
  return parts.operations.run(
    { name: 'StopPodSandbox', key: sandbox.id, fingerprint: '' },
    async (setStage) => {
      if (parts.sandboxes.get(sandbox.id)?.state.phase === 'stopped') return
      record(parts, sandbox.id, { type: 'stop', reason })
      faultPoint('stop-sandbox:recorded')
      setStage('killing its containers')
      const containers = containersOf(parts, sandbox.id)
      await killContainers(parts, containers)
      faultPoint('stop-sandbox:containers-killed')
      setStage('telling NRI plugins')
      await parts.nri.stopSandbox(sandbox)
      faultPoint('stop-sandbox:plugins-told')
      stopInfraProcess(parts.layout.sandbox(sandbox.id))
      setStage('taking it off the network and clearing its cgroups')
      await Promise.all([
        parts.gracePeriods.shortened(() => releaseNetwork(parts, sandbox.id)),
        clearInfraCgroup(parts, sandbox),
        ...containers.map((container) => clearRuntime(parts, container)),
      ])
      faultPoint('stop-sandbox:cleared')
      setStage('letting go of its namespaces')
      releaseMounts(parts, sandbox.id)
      faultPoint('stop-sandbox:unmounted')
      record(parts, sandbox.id, { type: 'stopped' })
      faultPoint('stop-sandbox:stopped')
    },
    () => failedPrecondition(`sandbox "${sandbox.id}" is being stopped`),
  )
}

function record(parts: PodParts, id: string, event: Parameters<typeof nextSandboxState>[1]): void {
  // A fact, not an intent: pods can be stopped on a full disk, too.
  parts.sandboxes.note(id, (before) => {
    const state = nextSandboxState(before.state, event)
    return state === before.state ? before : { ...before, state }
  })
}
