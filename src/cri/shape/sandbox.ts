import type { MessageInitShape } from '@bufbuild/protobuf'
import type { PodSandboxSchema, PodSandboxStatusSchema } from '../../gen/cri_pb.ts'
import { PodSandboxState } from '../../gen/cri_pb.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'

/** How CRI shows the state of a sandbox. */
export function sandboxState(record: SandboxRecord): PodSandboxState {
  return record.state.phase === 'ready' ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY
}

/** A sandbox in a list. */
export function listedSandbox(record: SandboxRecord): MessageInitShape<typeof PodSandboxSchema> {
  return {
    id: record.id,
    metadata: record.config.metadata,
    state: sandboxState(record),
    createdAt: record.createdAt,
    labels: record.config.labels,
    annotations: record.config.annotations,
    runtimeHandler: record.runtimeHandler,
  }
}

/** A sandbox on its own. The addresses stay readable after it was stopped; on the host's network there are none. */
export function sandboxStatus(record: SandboxRecord): MessageInitShape<typeof PodSandboxStatusSchema> {
  const [ip = '', ...others] = record.ips
  const { config } = record
  return {
    id: record.id,
    metadata: config.metadata,
    state: sandboxState(record),
    createdAt: record.createdAt,
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: record.runtimeHandler,
    network: { ip, additionalIps: others.map((other) => ({ ip: other })) },
    linux: { namespaces: { options: config.linux?.securityContext?.namespaceOptions ?? {} } },
  }
}
