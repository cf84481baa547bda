import type { PodSandboxConfig } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import { podNamespaces } from './namespaces.ts'

/** The kernel's IPC sysctls that are per IPC namespace (`ipc/ipc_sysctl.c`), beside `fs.mqueue.*`. */
const ipcSysctls = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
])

/** Those per UTS namespace that have no configuration of their own (`kernel.hostname` has). */
const utsSysctls = new Set(['kernel.domainname'])

/**
 * The sysctls of a pod, names with dots. One that would reach the host, since it belongs to no namespace that the pod has of
 * its own, is refused, and so is a name or value that could mean more than one setting.
 */
export function podSysctls(sandbox: PodSandboxConfig): Record<string, string> {
  const own = podNamespaces(sandbox.linux?.securityContext?.namespaceOptions)
  const sysctls: Record<string, string> = {}
  for (const [given, value] of Object.entries(sandbox.linux?.sysctls ?? {})) {
    // sysctl(8) also takes slashes, but not a mixture.
    const name = given.includes('.') ? given : given.replaceAll('/', '.')
    if (!/^[a-z0-9_-]+(\.[a-zA-Z0-9_-]+)+$/.test(name)) {
      throw invalidArgument(`sysctls: ${JSON.stringify(given)} is not the name of a sysctl`)
    }
    if (/[\0\n]/.test(value)) throw invalidArgument(`sysctls: the value of ${name} is more than one line`)
    const allowed = name.startsWith('net.')
      ? own.net
      : name.startsWith('fs.mqueue.') || ipcSysctls.has(name)
        ? own.ipc
        : utsSysctls.has(name) && own.uts
    if (!allowed) {
      throw invalidArgument(
        `sysctls: ${name} belongs to no namespace that the pod has of its own; it would change the host`,
      )
    }
    sysctls[name] = value
  }
  return sysctls
}
