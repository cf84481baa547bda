import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PodSandboxConfig } from '../gen/cri_pb.ts'
import { errnoOf, invalidArgument } from '../lib/errors.ts'
import { insideNamespaces } from '../linux/enter-namespaces.ts'
import { bringUpLoopback } from '../linux/loopback-interface.ts'
import { pinNamespaces, setHostname } from '../linux/namespaces.ts'
import type { Reaper } from '../linux/reaper.ts'
import { pinUserNamespace, writeAsNamespaceRoot } from '../linux/user-namespace.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import { podSysctls } from '../oci/spec/sysctls.ts'
import { podUserNamespace } from '../oci/spec/user-namespace.ts'
import type { SandboxLayout } from './layout.ts'

/**
 * What containerd sets in every pod's network namespace since 2.0: a process without capabilities may listen on any port and
 * ping.
 */
const networkDefaults: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
}

/** Makes and pins a network namespace with its loopback interface and the sysctls that all pods get. */
export function makeNetworkNamespace(path: string): void {
  pinNamespaces({ net: path }, setUpNetwork)
}

/**
 * Whether the network namespace of this pod is what {@link makeNetworkNamespace} makes. A plugin may need those of its sysctls
 * that concern the network, and a user namespace has to own its network namespace.
 */
export function hasPlainNetworkNamespace(config: PodSandboxConfig): boolean {
  const options = config.linux?.securityContext?.namespaceOptions
  if (!podNamespaces(options).net || podUserNamespace(options)) return false
  return !Object.keys(podSysctls(config)).some((name) => name.startsWith('net.'))
}

/**
 * Makes and pins the namespaces that the pod has of its own, with its host name, its loopback interface and its sysctls set in
 * them.
 *
 * @param hasNetwork its network namespace is there already
 */
export async function makeSandboxNamespaces(
  reaper: Reaper,
  layout: SandboxLayout,
  config: PodSandboxConfig,
  hostname: string,
  hasNetwork = false,
): Promise<void> {
  const own = podNamespaces(config.linux?.securityContext?.namespaceOptions)
  const makesNetwork = own.net && !hasNetwork
  const sysctls = podSysctls(config)
  const paths = {
    ...(makesNetwork && { net: layout.netns }),
    ...(own.ipc && { ipc: layout.ipcns }),
    ...(own.uts && { uts: layout.utsns }),
  }
  const userns = podUserNamespace(config.linux?.securityContext?.namespaceOptions)
  if (!userns) {
    pinNamespaces(paths, () => {
      if (own.uts) setHostname(hostname)
      if (makesNetwork) setUpNetwork()
      for (const [name, value] of Object.entries(sysctls)) setSysctl(name, value)
    })
    return
  }
  await pinUserNamespace(reaper, { hostId: userns.hostID, length: userns.size }, layout.userns, paths)
  const refused = new Map<string, string>()
  insideNamespaces(paths, () => {
    if (own.uts) setHostname(hostname)
    if (makesNetwork) setUpNetwork()
    for (const [name, value] of Object.entries(sysctls)) {
      try {
        setSysctl(name, value)
      } catch (error) {
        if (errnoOf(error) !== 'EACCES') throw error
        refused.set(name, value)
      }
    }
  })
  // Those of an IPC namespace are its own root's to write, not even the host's.
  for (const [name, value] of refused) {
    await writeAsNamespaceRoot(reaper, { user: layout.userns, ...paths }, sysctlPath(name), value)
  }
}

function setUpNetwork(): void {
  bringUpLoopback()
  for (const [name, value] of Object.entries(networkDefaults)) setSysctl(name, value)
}

function sysctlPath(name: string): string {
  return join('/proc/sys', name.replaceAll('.', '/'))
}

/** /proc/sys shows the namespaces of the process that looks at it: written while inside, it reaches the pod alone. */
function setSysctl(name: string, value: string): void {
  try {
    writeFileSync(sysctlPath(name), value)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') throw invalidArgument(`sysctls: this kernel has no ${name} in a pod`, error)
    if (errno === 'EINVAL')
      throw invalidArgument(`sysctls: the kernel refuses ${JSON.stringify(value)} for ${name}`, error)
    throw error
  }
}
