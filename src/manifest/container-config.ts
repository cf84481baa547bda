import { posix } from 'node:path'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type LinuxContainerSecurityContextSchema,
  SecurityProfile_ProfileType,
} from '../client/index.ts'
import { invalidArgument } from '../lib/errors.ts'
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from './pod-labels.ts'
import { type ContainerManifest, hashOf } from './container.ts'
import { resolveEnv } from './env.ts'
import { expandVariables } from './expand.ts'
import type { PodManifest } from './pod.ts'
import { linuxResources, qosClassOf } from './resources.ts'
import { namespaceOptions } from './sandbox-config.ts'
import { maskedPaths, readonlyPaths } from './security.ts'
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
  /** Where the volumes are, by name. Mounts of others are left out. */
  readonly volumePaths: ReadonlyMap<string, string>
  /** Bytes of memory that the node has. */
  readonly nodeMemory: number
}

/** A container of a pod in CRI terms, as the kubelet would ask for it. */
export function containerConfig(
  pod: PodManifest,
  container: ContainerManifest,
  { podIps, imageId, attempt, volumePaths, nodeMemory }: Surroundings,
): ContainerConfig {
  const env = resolveEnv(container.env, { ...pod, ips: podIps })
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
    mounts: container.mounts.flatMap((mount) => mountOf(pod, container, mount, volumePaths)),
    labels: {
      [podNameLabel]: name,
      [podNamespaceLabel]: namespace,
      [podUidLabel]: uid,
      [containerNameLabel]: container.name,
    },
    annotations: { [hashAnnotation]: hashOf(container), [restartCountAnnotation]: String(attempt) },
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin,
    stdinOnce: container.stdinOnce,
    tty: container.tty,
    linux: {
      resources: linuxResources(container.resources, qos, nodeMemory),
      securityContext: securityContext(pod, container),
    },
  })
}

function securityContext(
  pod: PodManifest,
  { security: own }: ContainerManifest,
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
    namespaceOptions: namespaceOptions(pod),
    supplementalGroups: pod.security.supplementalGroups.map(BigInt),
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

function mountOf(
  pod: PodManifest,
  container: ContainerManifest,
  { volume, mountPath, subPath, readOnly, propagation }: VolumeMount,
  volumePaths: ReadonlyMap<string, string>,
) {
  if (!pod.volumes.some(({ name }) => name === volume)) {
    throw invalidArgument(`container "${container.name}" mounts the volume "${volume}", which the pod does not have`)
  }
  const path = volumePaths.get(volume)
  if (path === undefined) return []
  const hostPath = subPath === '' ? path : posix.join(path, subPath)
  // Relative to the root, as the kubelet takes it.
  return [{ containerPath: posix.resolve('/', mountPath), hostPath, readonly: readOnly, propagation }]
}
