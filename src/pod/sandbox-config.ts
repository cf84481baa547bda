import { hostname as hostsName } from 'node:os'
import { NamespaceMode, type PodSandboxConfig, type PodSandboxMetadata, Protocol } from '../gen/cri_pb.ts'
import { invalidArgument } from '../lib/errors.ts'
import { type CgroupDriver, defaultParent } from '../linux/cgroup/names.ts'
import type { HostPort, PodDns } from '../network/port.ts'
import type { PodParts } from './parts.ts'

/** The sandbox's metadata; a sandbox without a full one is refused, since the kubelet rejects its status. */
export function sandboxMetadata(config: PodSandboxConfig | undefined): PodSandboxMetadata {
  const metadata = config?.metadata
  if (!metadata) throw invalidArgument('the sandbox configuration has no metadata: name, namespace and uid are needed')
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if (metadata[field] === '') throw invalidArgument(`the sandbox configuration has no metadata.${field}`)
    if (/[\0-\x1f\x7f/]/.test(metadata[field])) {
      throw invalidArgument(
        `metadata.${field} of the sandbox has characters that no name has: ${JSON.stringify(metadata[field])}`,
      )
    }
  }
  return metadata
}

/** What the kubelet relies on: a group needs its user (kubelet-contract F3). */
export function checkSandboxUser(config: PodSandboxConfig): void {
  const security = config.linux?.securityContext
  if (security?.runAsGroup && !security.runAsUser) {
    throw invalidArgument('security_context.run_as_group of the sandbox is set without run_as_user')
  }
}

/** Under which key a repeated RunPodSandbox meets the first. */
export function sandboxKey(metadata: PodSandboxMetadata): string {
  return `${metadata.namespace}/${metadata.name}/${metadata.uid}/${metadata.attempt}`
}

/** Whether the pod uses the host's network. */
export function onHostNetwork(config: PodSandboxConfig): boolean {
  return config.linux?.securityContext?.namespaceOptions?.network === NamespaceMode.NODE
}

const protocolNames = new Map<Protocol, HostPort['protocol']>([
  [Protocol.TCP, 'tcp'],
  [Protocol.UDP, 'udp'],
  [Protocol.SCTP, 'sctp'],
])

/** The ports to open on the host; mappings without a host port ask for nothing. */
export function hostPorts(config: PodSandboxConfig): HostPort[] {
  return config.portMappings
    .filter((mapping) => mapping.hostPort !== 0)
    .map((mapping) => {
      const protocol = protocolNames.get(mapping.protocol)
      if (protocol === undefined) throw invalidArgument(`port_mappings: ${mapping.protocol} is not a protocol`)
      for (const port of [mapping.hostPort, mapping.containerPort]) {
        if (port < 1 || port > 65535) throw invalidArgument(`port_mappings: ${port} is not a port`)
      }
      return { protocol, containerPort: mapping.containerPort, hostPort: mapping.hostPort, hostIp: mapping.hostIp }
    })
}

/** The pod's DNS settings, when it has any of its own. */
export function podDns(config: PodSandboxConfig): PodDns | undefined {
  const dns = config.dnsConfig
  return dns && { servers: dns.servers, searches: dns.searches, options: dns.options }
}

/** The longest host name that the kernel takes, in bytes (sethostname(2), HOST_NAME_MAX). */
const maxHostname = 64

/** The pod's host name: as asked for, or the host's own. */
export function sandboxHostname(config: PodSandboxConfig): string {
  const { hostname } = config
  if (Buffer.byteLength(hostname) > maxHostname) {
    throw invalidArgument(`hostname is longer than the ${maxHostname} bytes that the kernel takes`)
  }
  if (!/^[\w.-]*$/.test(hostname)) throw invalidArgument(`hostname ${JSON.stringify(hostname)} is not a host name`)
  return hostname || hostsName()
}

/** The cgroup that the pod's containers are made in, as the kubelet writes it; Berth's own for a pod that names none. */
export function podCgroup(parts: Pick<PodParts, 'settings'>, config: PodSandboxConfig, driver: CgroupDriver): string {
  return config.linux?.cgroupParent || defaultParent(parts.settings.cgroupParent, driver)
}
