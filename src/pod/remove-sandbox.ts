import { failedPrecondition } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { stopInfraProcess } from './infra-process.ts'
import { containersOf, findSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { removeFolder } from './release-network.ts'
import { removeContainers } from './remove-container.ts'
import { stopKnownSandbox } from './stop-sandbox.ts'

/** Removes a sandbox with its containers. One that runs is stopped first; an unknown id is no error. */
export async function removeSandbox(parts: PodParts, id: string): Promise<void> {
  const sandbox = findSandbox(parts, id)
  if (!sandbox) return
  await parts.operations.run(
    { name: 'RemovePodSandbox', key: sandbox.id, fingerprint: '' },
    async (setStage) => {
      setStage('stopping it')
      await stopKnownSandbox(parts, sandbox, 'it was removed by request')
      faultPoint('remove-sandbox:stopped')
      setStage('removing its containers')
      await removeContainers(parts, containersOf(parts, sandbox.id))
      faultPoint('remove-sandbox:containers-removed')
      setStage('removing its files')
      stopInfraProcess(parts.layout.sandbox(sandbox.id))
      removeFolder(parts, sandbox.id)
      faultPoint('remove-sandbox:files-removed')
      parts.shims.release(sandbox.id, sandbox.shim)
      parts.nri.sandboxRemoved(sandbox)
      parts.sandboxes.delete(sandbox.id)
      faultPoint('remove-sandbox:record-deleted')
    },
    () => failedPrecondition(`sandbox "${sandbox.id}" is being removed`),
  )
}
