import { isIP } from 'node:net'
import { invalidArgument } from '../lib/errors.ts'
import type { RuntimeArguments } from './plugin-request.ts'
import type { AttachRequest, HostPort } from './port.ts'

export const podInterfaceName = 'eth0'

/** As the specification has it for CNI_CONTAINERID. */
const containerIdPattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/
/**
 * What may not stand in a value of CNI_ARGS: `;` and `=` have a meaning there (a pod called `x;K8S_POD_NAMESPACE=kube-system`
 * must not pass for another), controls have no business in an environment. Far more than a Kubernetes name needs.
 */
const forbiddenInArgs = /[;=\p{Cc}]/u
const maxArgLength = 1024

/**
 * What the plugins are told about a pod. Throws invalid-argument, naming the field, for a request that could make them
 * understand something else than what was said.
 */
export function podArguments(request: AttachRequest): RuntimeArguments {
  if (!containerIdPattern.test(request.sandboxId)) {
    throw invalidArgument(`sandbox id ${JSON.stringify(request.sandboxId)} is not one that CNI plugins take`)
  }
  return {
    containerId: request.sandboxId,
    netnsPath: request.netnsPath,
    interfaceName: podInterfaceName,
    args: [
      ['IgnoreUnknown', '1'],
      ['K8S_POD_NAMESPACE', checkedArg('metadata.namespace', request.podNamespace)],
      ['K8S_POD_NAME', checkedArg('metadata.name', request.podName)],
      ['K8S_POD_INFRA_CONTAINER_ID', request.sandboxId],
      ['K8S_POD_UID', checkedArg('metadata.uid', request.podUid)],
    ],
    capabilityArgs: capabilityArguments(request),
  }
}

/** The same for a namespace whose pod is not known yet. */
export function argumentsAhead(sandboxId: string, netnsPath: string): RuntimeArguments {
  return {
    containerId: sandboxId,
    netnsPath,
    interfaceName: podInterfaceName,
    args: [
      ['IgnoreUnknown', '1'],
      ['K8S_POD_INFRA_CONTAINER_ID', sandboxId],
    ],
    capabilityArgs: {},
  }
}

function checkedArg(field: string, value: string): string {
  if (value.length > maxArgLength) throw invalidArgument(`${field} is longer than ${maxArgLength} characters`)
  if (forbiddenInArgs.test(value)) {
    throw invalidArgument(
      `${field} ${JSON.stringify(value)} has a character that may not go to CNI plugins (";", "=", controls)`,
    )
  }
  return value
}

/** By capability, under the names of the CNI conventions (CONVENTIONS.md) and those that containerd has added. */
function capabilityArguments(request: AttachRequest): Record<string, unknown> {
  const args: Record<string, unknown> = {}
  const ports = mappedPorts(request)
  if (ports.length > 0) args.portMappings = ports.map(toPluginPort)
  const { bandwidth, dns } = request
  if (bandwidth?.ingressRate !== undefined || bandwidth?.egressRate !== undefined) {
    args.bandwidth = { ...rate('ingress', bandwidth.ingressRate), ...rate('egress', bandwidth.egressRate) }
  }
  if (dns) args.dns = { servers: dns.servers, searches: dns.searches, options: dns.options }
  if (request.cgroupParent) args.cgroupPath = request.cgroupParent
  if (request.annotations) args['io.kubernetes.cri.pod-annotations'] = request.annotations
  return args
}

/** The mappings that have a host port, checked. */
export function mappedPorts(request: AttachRequest): readonly HostPort[] {
  const ports = (request.hostPorts ?? []).filter((port) => port.hostPort !== 0)
  for (const port of ports) {
    checkPort('port_mappings.host_port', port.hostPort)
    checkPort('port_mappings.container_port', port.containerPort)
    if (port.hostIp && isIP(port.hostIp) === 0) {
      throw invalidArgument(`port_mappings.host_ip ${JSON.stringify(port.hostIp)} is not an IP address`)
    }
  }
  return ports
}

function checkPort(field: string, port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw invalidArgument(`${field} ${port} is not a port number`)
}

/** A port as the `portmap` plugin reads it. */
function toPluginPort(port: HostPort): object {
  const { hostPort, containerPort, protocol } = port
  return { hostPort, containerPort, protocol, ...(port.hostIp ? { hostIP: port.hostIp } : {}) }
}

/** The `bandwidth` plugin wants a burst with every rate; "as much as one likes" is what the other runtimes give. */
function rate(direction: 'ingress' | 'egress', bitsPerSecond: number | undefined): object {
  if (bitsPerSecond === undefined) return {}
  return { [`${direction}Rate`]: bitsPerSecond, [`${direction}Burst`]: maxBurst }
}

/** In bits: the largest that the plugin takes (it stores bytes in 32 bits). */
const maxBurst = 2 ** 31 - 1
