import { posix } from 'node:path'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type LinuxContainerSecurityContextSchema,
  type MountSchema,
  SecurityProfile_ProfileType,
  type UserNamespace,
} from '../client/index.ts'
import { invalidArgument } from '../lib/errors.ts'
import type { ConfigLookup } from './config-data.ts'
import { type ContainerManifest, hashOf } from './container.ts'
import { type EnvContext, resolveEnv } from './env.ts'
import { expandVariables } from './expand.ts'
import type { NodeFacts } from './facts.ts'
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from './pod-labels.ts'
import type { PodManifest } from './pod.ts'
import { linuxResources, qosClassOf } from './resources.ts'
import { namespaceOptions } from './sandbox-config.ts'
import { maskedPaths, readonlyPaths } from './security.ts'
import { checkSubPath } from './sub-path.ts'
import type { VolumeMount } from './volumes.ts'

/** The annotation with the hash of the manifest that a container was made from; the kubelet's name for it. */
export const hashAnnotation = 'io.kubernetes.container.hash'
const restartCountAnnotation = 'io.kubernetes.container.restartCount'

/** What is known of a pod and its node when a container is to be made. */
export interface Surroundings {
  /** The pod's addresses, the primary one first. */
  readonly podIps: readonly string[]
  /** The id of the image, as PullImage or ImageStatus gave it. */
  readonly imageId: string
  readonly attempt: number
  /** The users and groups of the pod's user namespace, if it has one: as its sandbox has them. */
  readonly userns?: UserNamespace | undefined
  /** Where the volumes are, by name. Mounts of others are left out. */
  readonly volumes: ReadonlyMap<string, VolumePlace>
  /** Where the part of a volume at `path` is that the container's mount number `index` wants; safe from links in it. */
  readonly subPathOf: (path: string, below: string, index: number) => string
  readonly node: NodeFacts
  readonly lookup: ConfigLookup
  /** More of each, which win. */
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly mounts?: readonly MessageInitShape<typeof MountSchema>[]
}

/** Where a volume is: a path of the node, or the id of an image. */
export type VolumePlace = { readonly path: string; readonly readOnly: boolean } | { readonly image: string }

/** What environments and files of a pod are made of. */
export function envContext(
  pod: PodManifest,
  container: ContainerManifest | undefined,
  { podIps, node, lookup }: Pick<Surroundings, 'podIps' | 'node' | 'lookup'>,
): EnvContext {
  const all = [...pod.initContainers, ...pod.containers]
  return {
    pod: { ...pod, ips: podIps, node },
    lookup,
    resourcesOf: (name) => {
      const found = name === undefined ? container : all.find((other) => other.name === name)
      if (!found) throw invalidArgument(`a resourceFieldRef names the container "${name}", which the pod does not have`)
      return found.resources
    },
  }
}

/** A container of a pod in CRI terms, as the kubelet would ask for it. */
export function containerConfig(
  pod: PodManifest,
  container: ContainerManifest,
  surroundings: Surroundings,
): ContainerConfig {
  const { imageId, attempt, node } = surroundings
  const env = resolveEnv(container.envFrom, container.env, envContext(pod, container, surroundings))
  const expand = (text: string) => expandVariables(text, env)
  const qos = qosClassOf([...pod.initContainers, ...pod.containers].map(({ resources }) => resources))
  const { name, namespace, uid } = pod
  return create(ContainerConfigSchema, {
    metadata: { name: container.name, attempt },
    image: { image: imageId, userSpecifiedImage: container.image, runtimeHandler: pod.runtimeHandler },
    command: container.command.map(expand),
    args: container.args.map(expand),
    workingDir: container.workingDir,
    envs: Array.from(env, ([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: [
      ...container.mounts.flatMap((mount, index) => mountOf(container, mount, index, surroundings, expand)),
      ...(surroundings.mounts ?? []),
    ].map((mount) => withOwners(mount, surroundings.userns)),
    labels: {
      [podNameLabel]: name,
      [podNamespaceLabel]: namespace,
      [podUidLabel]: uid,
      [containerNameLabel]: container.name,
      ...surroundings.labels,
    },
    annotations: {
      [hashAnnotation]: hashOf(container),
      [restartCountAnnotation]: String(attempt),
      ...surroundings.annotations,
    },
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin,
    stdinOnce: container.stdinOnce,
    tty: container.tty,
    stopSignal: container.stopSignal,
    linux: {
      resources: linuxResources(container.resources, qos, node.memory),
      securityContext: securityContext(pod, container, surroundings.userns),
    },
  })
}

function securityContext(
  pod: PodManifest,
  { security: own }: ContainerManifest,
  userns: UserNamespace | undefined,
): MessageInitShape<typeof LinuxContainerSecurityContextSchema> {
  const runAsUser = own.runAsUser ?? pod.security.runAsUser
  const runAsGroup = own.runAsGroup ?? pod.security.runAsGroup
  const seLinux = own.seLinux ?? pod.security.seLinux
  const appArmor = own.appArmor ?? pod.security.appArmor
  const open = own.privileged || own.unmaskedProc
  return {
    capabilities: { addCapabilities: [...own.addCapabilities], dropCapabilities: [...own.dropCapabilities] },
    privileged: own.privileged,
    readonlyRootfs: own.readOnlyRootFilesystem,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    namespaceOptions: { ...namespaceOptions(pod), ...(userns && { usernsOptions: userns }) },
    supplementalGroups: pod.security.supplementalGroups.map(BigInt),
    supplementalGroupsPolicy: pod.security.groupsPolicy,
    maskedPaths: open ? [] : maskedPaths,
    readonlyPaths: open ? [] : readonlyPaths,
    // Kubernetes' default unless the node says otherwise.
    seccomp: own.seccomp ?? pod.security.seccomp ?? { profileType: SecurityProfile_ProfileType.Unconfined },
    ...(appArmor && { apparmor: appArmor }),
    ...(seLinux && { selinuxOptions: seLinux }),
    ...(runAsUser !== undefined && { runAsUser: { value: BigInt(runAsUser) } }),
    ...(runAsGroup !== undefined && { runAsGroup: { value: BigInt(runAsGroup) } }),
  }
}

/** What is the host's root's is the root's of the user namespace, too. Images are the runtime's to map. */
function withOwners(mount: MessageInitShape<typeof MountSchema>, userns: UserNamespace | undefined) {
  return userns && !mount.image ? { ...mount, uidMappings: userns.uids, gidMappings: userns.gids } : mount
}

function mountOf(
  container: ContainerManifest,
  { volume, mountPath, subPath, expandSubPath, readOnly, recursiveReadOnly, propagation }: VolumeMount,
  index: number,
  { volumes, subPathOf }: Surroundings,
  expand: (text: string) => string,
): MessageInitShape<typeof MountSchema>[] {
  const place = volumes.get(volume)
  if (place === undefined) return []
  const below = expandSubPath ? expand(subPath) : subPath
  checkSubPath(below, `the subPath of "${volume}" in container "${container.name}"`)
  // Relative to the root, as the kubelet takes it.
  const containerPath = posix.resolve('/', mountPath)
  if ('image' in place) {
    return [{ containerPath, readonly: true, image: { image: place.image }, imageSubPath: below }]
  }
  const hostPath = below === '' ? place.path : subPathOf(place.path, below, index)
  const readonly = readOnly || place.readOnly
  return [{ containerPath, hostPath, readonly, recursiveReadOnly: readonly && recursiveReadOnly, propagation }]
}
