import { NamespaceMode, type PodSandboxConfig } from '../gen/cri_pb.ts'
import { failedPrecondition, invalidArgument } from '../lib/errors.ts'
import type { IdMapping } from '../oci/runtime-spec.ts'
import { podUserNamespace } from '../oci/spec/user-namespace.ts'
import type { RuntimeHandler } from './handlers.ts'

/**
 * The mapping of the user namespace that a pod is to have, or undefined. Refused where the handler cannot, and together with
 * namespaces of the host, in which the root of such a pod has no rights: it could not even mount /sys or /dev/mqueue.
 */
export function sandboxUserNamespace(config: PodSandboxConfig, handler: RuntimeHandler): IdMapping | undefined {
  const options = config.linux?.securityContext?.namespaceOptions
  const mapping = podUserNamespace(options)
  if (!mapping) return undefined
  for (const [name, mode] of Object.entries({ network: options?.network, ipc: options?.ipc, pid: options?.pid })) {
    if (mode === NamespaceMode.NODE) {
      throw invalidArgument(`userns_options: a pod with a user namespace cannot have the host's ${name} namespace`)
    }
  }
  if (!handler.host.userNamespaces) {
    throw failedPrecondition(
      `user namespaces (hostUsers: false) need Linux 6.3 and an OCI runtime that can map the ids of mounts; ` +
        `the runtime handler "${handler.name}" (${handler.command.path}) or this host cannot: see "crictl info"`,
    )
  }
  return mapping
}
