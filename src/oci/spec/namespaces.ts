import { NamespaceMode, type NamespaceOption } from '../../gen/cri_pb.ts'
import { failedPrecondition, internal, invalidArgument } from '../../lib/errors.ts'
import type { Namespace } from '../runtime-spec.ts'
import type { SandboxPaths } from './input.ts'
import { checkContainerUserNamespace, podUserNamespace } from './user-namespace.ts'

/** The namespaces that a pod has of its own, by its configuration; the UTS namespace goes with the network. */
export function podNamespaces(options: Pick<NamespaceOption, 'network' | 'ipc'> | undefined): {
  readonly net: boolean
  readonly ipc: boolean
  readonly uts: boolean
} {
  const net = isPods('network', options?.network ?? NamespaceMode.POD)
  return { net, ipc: isPods('ipc', options?.ipc ?? NamespaceMode.POD), uts: net }
}

/**
 * The namespaces of a container: user, network, IPC and UTS are the pod's (the container has no say) or the host's, PID is as the
 * container asks, the mount namespace is always new, the cgroup namespace is new on cgroup v2 unless privileged.
 */
export function containerNamespaces(
  container: NamespaceOption | undefined,
  pod: NamespaceOption | undefined,
  paths: SandboxPaths,
  newCgroup: boolean,
): Namespace[] {
  checkContainerUserNamespace(container, pod)
  const own = podNamespaces(pod)
  return [
    { type: 'mount' },
    ...(podUserNamespace(pod) ? [{ type: 'user' as const, path: pinned('user', paths.userns) }] : []),
    ...(own.net ? [{ type: 'network' as const, path: pinned('network', paths.netns) }] : []),
    ...(own.ipc ? [{ type: 'ipc' as const, path: pinned('IPC', paths.ipcns) }] : []),
    ...(own.uts ? [{ type: 'uts' as const, path: pinned('UTS', paths.utsns) }] : []),
    ...pidNamespace(container, paths),
    ...(newCgroup ? [{ type: 'cgroup' as const }] : []),
  ]
}

function pidNamespace(container: NamespaceOption | undefined, paths: SandboxPaths): Namespace[] {
  switch (container?.pid ?? NamespaceMode.POD) {
    case NamespaceMode.CONTAINER:
      return [{ type: 'pid' }]
    case NamespaceMode.NODE:
      return []
    case NamespaceMode.POD:
      if (paths.pidns === undefined) {
        throw failedPrecondition(
          'the container asks for the shared PID namespace of its pod (namespace_options.pid: POD), but its pod was not made with one',
        )
      }
      return [{ type: 'pid', path: paths.pidns }]
    case NamespaceMode.TARGET:
      if (!container?.targetId) throw invalidArgument('namespace_options.pid is TARGET, but target_id is empty')
      return [{ type: 'pid', path: pinned('target PID', paths.targetPidns) }]
    default:
      throw invalidArgument(`namespace_options.pid: ${container?.pid} is not a mode that Berth knows`)
  }
}

/** Falling back to the host's namespace would be a hole: a pod that has its own must have a path for it. */
function pinned(name: string, path: string | undefined): string {
  if (path === undefined) throw internal(`the pod has a ${name} namespace of its own, but no path to it is known`)
  return path
}

function isPods(field: string, mode: NamespaceMode): boolean {
  if (mode === NamespaceMode.POD) return true
  if (mode === NamespaceMode.NODE) return false
  throw invalidArgument(`namespace_options.${field} must be POD or NODE`)
}
