import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerConfig } from '../gen/cri_pb.ts'
import type { Spec } from '../oci/runtime-spec.ts'
import type { SelinuxContexts, SelinuxLabels } from '../oci/selinux/labels.ts'
import { relabel, setLabel } from '../oci/selinux/relabel.ts'
import type { SandboxLayout } from './layout.ts'

export interface LabelRequest {
  /** The folder with the container's pipes. */
  readonly bundle: string
  readonly sandbox: SandboxLayout
  readonly config: ContainerConfig
  readonly spec: Spec
  readonly labels: SelinuxLabels
  readonly contexts: SelinuxContexts
}

/**
 * Lets a container under SELinux come to what it is given: its pipes and the volumes that it may have relabelled get the label of
 * its own files, what it shares with the other containers of its pod that of any container's.
 */
export async function labelFiles({ bundle, sandbox, config, spec, labels, contexts }: LabelRequest): Promise<void> {
  for (const name of ['stdin', 'stdout', 'stderr']) labelIfThere(join(bundle, name), labels.file)
  const { hosts, resolvConf, hostname, shm } = sandbox
  for (const path of [hosts, resolvConf, hostname, shm]) labelIfThere(path, contexts.file)
  for (const { containerPath, selinuxRelabel } of config.mounts) {
    const source = selinuxRelabel && spec.mounts.find(({ destination }) => destination === containerPath)?.source
    if (source) await relabel(source, labels.file)
  }
}

function labelIfThere(path: string, label: string): void {
  if (existsSync(path)) setLabel(path, label)
}
