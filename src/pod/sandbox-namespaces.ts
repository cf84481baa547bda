import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PodSandboxConfig } from '../gen/cri_pb.ts'
import { errnoOf, invalidArgument } from '../lib/errors.ts'
import { pinNamespaces, setHostname } from '../linux/namespaces.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import { podSysctls } from '../oci/spec/sysctls.ts'
import type { SandboxLayout } from './layout.ts'

/**
 * What containerd sets in every pod's network namespace since 2.0: a process without capabilities may listen on any port and
 * ping.
 */
const networkDefaults: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
}

/** Makes and pins the namespaces that the pod has of its own, with its host name and sysctls set in them. */
export function makeSandboxNamespaces(layout: SandboxLayout, config: PodSandboxConfig, hostname: string): void {
  const own = podNamespaces(config.linux?.securityContext?.namespaceOptions)
  const sysctls = { ...(own.net ? networkDefaults : {}), ...podSysctls(config) }
  const paths = {
    ...(own.net && { net: layout.netns }),
    ...(own.ipc && { ipc: layout.ipcns }),
    ...(own.uts && { uts: layout.utsns }),
  }
  pinNamespaces(paths, () => {
    if (own.uts) setHostname(hostname)
    for (const [name, value] of Object.entries(sysctls)) setSysctl(name, value)
  })
}

/** /proc/sys shows the namespaces of the process that looks at it: written while inside, it reaches the pod alone. */
function setSysctl(name: string, value: string): void {
  try {
    writeFileSync(join('/proc/sys', name.replaceAll('.', '/')), value)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') throw invalidArgument(`sysctls: this kernel has no ${name} in a pod`, error)
    if (errno === 'EINVAL')
      throw invalidArgument(`sysctls: the kernel refuses ${JSON.stringify(value)} for ${name}`, error)
    throw error
  }
}
