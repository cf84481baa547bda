import { type ContainerConfig, NamespaceMode } from '../gen/cri_pb.ts'
import { failedPrecondition } from '../lib/errors.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import { podUserNamespace } from '../oci/spec/user-namespace.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { placeInfraProcess } from './infra-cgroup.ts'
import { infraProcessPid, startInfraProcess, stopInfraProcess } from './infra-process.ts'
import type { PodParts } from './parts.ts'
import { watchInfraProcess } from './watch-infra.ts'

/** Whether the container is to be in the PID namespace of its pod: the mode POD, which is also CRI's default. */
export function sharesPidNamespace(config: ContainerConfig): boolean {
  return (config.linux?.securityContext?.namespaceOptions?.pid ?? NamespaceMode.POD) === NamespaceMode.POD
}

/**
 * Makes the PID namespace that containers of a pod share, with its init, when the first of them asks for it. The kubelet says
 * in the pod's configuration whether there will be any, but other clients often do not, and a pod should not have a process
 * that none of its containers needs.
 */
export function makeSharedPidNamespace(parts: PodParts, sandbox: SandboxRecord): Promise<void> {
  return parts.operations.run(
    { name: 'SharePidNamespace', key: sandbox.id, fingerprint: '' },
    async () => {
      const layout = parts.layout.sandbox(sandbox.id)
      if (infraProcessPid(layout) !== undefined) return
      // Of a start that a crash has interrupted.
      stopInfraProcess(layout)
      const options = sandbox.config.linux?.securityContext?.namespaceOptions
      await startInfraProcess(parts.reaper, layout, podNamespaces(options), podUserNamespace(options), (pid) =>
        placeInfraProcess(parts, sandbox, pid),
      )
      watchInfraProcess(parts, sandbox)
    },
    () => failedPrecondition(`sandbox "${sandbox.id}" is getting its shared PID namespace`),
  )
}
