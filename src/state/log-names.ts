import type { ContainerRecord } from './container-record.ts'
import type { SandboxRecord } from './sandbox-record.ts'

/** What a pod and a container are called in log lines: `pod` is `namespace/name`. */
export interface LogNames {
  readonly pod?: string
  readonly containerName?: string
}

export function logNames(sandbox: SandboxRecord | undefined, container?: ContainerRecord): LogNames {
  const pod = sandbox?.config.metadata
  const containerName = container?.config.metadata?.name
  return {
    ...(pod && { pod: `${pod.namespace}/${pod.name}` }),
    ...(containerName !== undefined && { containerName }),
  }
}
