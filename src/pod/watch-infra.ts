import { messageOf } from '../lib/errors.ts'
import { watchProcess } from '../linux/watch-process.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { infraProcessAlive, infraProcessPid } from './infra-process.ts'
import type { PodParts } from './parts.ts'
import { stopKnownSandbox } from './stop-sandbox.ts'

/**
 * Watches over the init of a shared PID namespace, in a pod that has one. When it ends, the kernel has killed the pod's processes with it, and no
 * container can be started there any more: the sandbox is stopped.
 */
export function watchInfraProcess(parts: PodParts, sandbox: SandboxRecord): void {
  const layout = parts.layout.sandbox(sandbox.id)
  const pid = infraProcessPid(layout)
  if (pid === undefined) return
  watchProcess(parts.reaper, pid, () => infraProcessAlive(layout))
    .then(async () => {
      const now = parts.sandboxes.get(sandbox.id)
      if (now?.state.phase !== 'ready') return
      parts.log.warn({ sandbox: sandbox.id }, 'the init of a pod has ended: the pod is stopped')
      await stopKnownSandbox(parts, now, 'the init of its PID namespace has ended')
    })
    .catch((error) => {
      parts.log.error({ sandbox: sandbox.id, error: messageOf(error) }, 'a pod whose init ended cannot be stopped yet')
    })
}
