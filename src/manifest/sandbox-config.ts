import { create } from '@bufbuild/protobuf'
import {
  NamespaceMode,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  Protocol,
  SecurityProfile_ProfileType,
} from '../client/index.ts'
import { podNameLabel, podNamespaceLabel, podUidLabel } from './pod-labels.ts'
import type { Dns, PodManifest } from './pod.ts'

/** Where the kubelet, and so `berth run`, keeps the logs of a pod. */
export const logsFolder = '/var/log/pods'

/** The folder of a pod's logs; each container has its own below. */
export const logDirectory = (
  { namespace, name, uid }: Pick<PodManifest, 'namespace' | 'name' | 'uid'>,
  folder = logsFolder,
) => `${folder}/${namespace}_${name}_${uid}`

/** Labels and annotations beside those of the manifest. */
export interface MoreFacts {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** For a pod with a user namespace: its users and groups are those of the host from here on. */
  readonly firstHostId?: number | undefined
  /** Where the log folders of pods are; the kubelet's place if not said. */
  readonly logsFolder?: string
}

/** The sandbox of a pod in CRI terms, as the kubelet would ask for it. The cgroup parent is left to the runtime. */
export function sandboxConfig(pod: PodManifest, attempt: number, more: MoreFacts = {}): PodSandboxConfig {
  const { name, namespace, uid, security } = pod
  const { firstHostId } = more
  return create(PodSandboxConfigSchema, {
    metadata: { name, namespace, uid, attempt },
    hostname: pod.hostNetwork ? '' : pod.hostname,
    logDirectory: logDirectory(pod, more.logsFolder),
    ...(pod.dns && { dnsConfig: dnsConfig(pod.dns) }),
    portMappings: portMappings(pod),
    labels: {
      ...pod.labels,
      [podNameLabel]: name,
      [podNamespaceLabel]: namespace,
      [podUidLabel]: uid,
      ...more.labels,
    },
    annotations: {
      ...pod.annotations,
      ...(firstHostId !== undefined && { [firstHostIdAnnotation]: String(firstHostId) }),
      ...more.annotations,
    },
    linux: {
      sysctls: security.sysctls,
      securityContext: {
        namespaceOptions: { ...namespaceOptions(pod), ...(firstHostId !== undefined && usernsOptions(firstHostId)) },
        privileged: [...pod.initContainers, ...pod.containers].some((container) => container.security.privileged),
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
        supplementalGroups: security.supplementalGroups.map(BigInt),
        supplementalGroupsPolicy: security.groupsPolicy,
        ...(security.seLinux && { selinuxOptions: security.seLinux }),
        ...(security.runAsUser !== undefined && { runAsUser: { value: BigInt(security.runAsUser) } }),
        ...(security.runAsUser !== undefined &&
          security.runAsGroup !== undefined && { runAsGroup: { value: BigInt(security.runAsGroup) } }),
      },
    },
  })
}

const dnsConfig = ({ servers, searches, options }: Dns) => ({
  servers: [...servers],
  searches: [...searches],
  options: [...options],
})

/** How many users and groups a user namespace has, as with the kubelet. */
export const idsPerPod = 65_536

/** Annotation of sandboxes: the id of the host that is the root of the pod's user namespace. */
export const firstHostIdAnnotation = 'io.berth.agent/first-host-id'

function usernsOptions(hostId: number) {
  const mappings = [{ containerId: 0, hostId, length: idsPerPod }]
  return { usernsOptions: { mode: NamespaceMode.POD, uids: mappings, gids: mappings } }
}

/** The namespaces of a pod and of each of its containers, but for the user namespace. */
export function namespaceOptions(pod: PodManifest) {
  return {
    network: pod.hostNetwork ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: pidMode(pod),
    ipc: pod.hostIpc ? NamespaceMode.NODE : NamespaceMode.POD,
  }
}

function pidMode({ hostPid, shareProcessNamespace }: PodManifest): NamespaceMode {
  if (hostPid) return NamespaceMode.NODE
  return shareProcessNamespace ? NamespaceMode.POD : NamespaceMode.CONTAINER
}

function portMappings(pod: PodManifest) {
  if (pod.hostNetwork) return []
  const ports = [...pod.initContainers.filter(({ sidecar }) => sidecar), ...pod.containers].flatMap(
    ({ ports }) => ports,
  )
  return ports.map(({ protocol, containerPort, hostPort, hostIp }) => ({
    protocol: Protocol[protocol],
    containerPort,
    hostPort,
    hostIp,
  }))
}
