import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { ContainerSchema, ContainerStatusSchema, Mount } from '../../gen/cri_pb.ts'
import { ContainerState, ImageSpecSchema, Signal, SignalSchema } from '../../gen/cri_pb.ts'
import type { StoredImage } from '../../image/image.ts'
import type { ContainerRecord } from '../../state/container-record.ts'

/** How CRI shows the state of a container. */
export function containerState(record: ContainerRecord): ContainerState {
  switch (record.state.phase) {
    case 'creating':
    case 'created':
    case 'starting':
      return ContainerState.CONTAINER_CREATED
    case 'running':
      return ContainerState.CONTAINER_RUNNING
    case 'exited':
      return ContainerState.CONTAINER_EXITED
    case 'unknown':
      return ContainerState.CONTAINER_UNKNOWN
    default:
      return record.state satisfies never
  }
}

/**
 * A container in a list.
 *
 * @param image the container's image; undefined when it was removed since
 */
export function listedContainer(
  record: ContainerRecord,
  image: StoredImage | undefined,
): MessageInitShape<typeof ContainerSchema> {
  return {
    id: record.id,
    podSandboxId: record.sandboxId,
    metadata: record.config.metadata,
    image: record.config.image,
    imageRef: imageRef(record, image),
    imageId: record.imageId,
    state: containerState(record),
    createdAt: record.createdAt,
    labels: record.config.labels,
    annotations: record.config.annotations,
  }
}

/** A container on its own. Mounts and resources are those that were asked for (kubelet-contract F4). */
export function containerStatus(
  record: ContainerRecord,
  image: StoredImage | undefined,
): MessageInitShape<typeof ContainerStatusSchema> {
  const { state, config, user } = record
  const exited = state.phase === 'exited' ? state : undefined
  return {
    id: record.id,
    metadata: config.metadata,
    state: containerState(record),
    createdAt: record.createdAt,
    startedAt: startedAt(record),
    finishedAt: exited?.finishedAt ?? 0n,
    exitCode: exited?.exitCode ?? 0,
    reason: exited?.reason ?? (state.phase === 'unknown' ? 'Unknown' : ''),
    message: exited?.message ?? (state.phase === 'unknown' ? state.message : ''),
    image: config.image,
    imageRef: imageRef(record, image),
    imageId: record.imageId,
    labels: config.labels,
    annotations: config.annotations,
    mounts: mountsOf(record),
    logPath: record.logPath,
    ...(config.linux?.resources && { resources: { linux: config.linux.resources } }),
    user: {
      linux: {
        uid: BigInt(user.uid),
        gid: BigInt(user.gid),
        supplementalGroups: user.groups.map((gid) => BigInt(gid)),
      },
    },
    stopSignal: criSignal(record.stopSignal),
  }
}

/** As they were asked for; image volumes with the id of the image, which the kubelet's garbage collection then spares. */
function mountsOf({ config, imageVolumes = [] }: ContainerRecord): Mount[] {
  const volumes = new Map(imageVolumes.map((volume) => [volume.index, volume]))
  return config.mounts.map((mount, index) => {
    const volume = volumes.get(index)
    if (!volume) return mount
    const asked = mount.image ?? create(ImageSpecSchema)
    return { ...mount, image: { ...asked, image: volume.imageId, imageRef: volume.imageId } }
  })
}

/** Never 0 for a container that has ended: of one that never ran, the time it was made (kubelet-contract F4). */
function startedAt({ state, createdAt }: ContainerRecord): bigint {
  if (!('startedAt' in state)) return 0n
  return state.startedAt === 0n ? createdAt : state.startedAt
}

/** A reference by digest, as containerd and CRI-O have it; the id when the image has none or is gone. */
export function imageRef(record: ContainerRecord, image: StoredImage | undefined): string {
  return image?.repoDigests[0] ?? record.imageId
}

/** A signal's name as images write it, in CRI's words: `SIGRTMIN+3` is `SIGRTMINPLUS3`. */
function criSignal(signal: string): Signal {
  const name = signal
    .toUpperCase()
    .replace(/^(SIG)?/, 'SIG')
    .replace('+', 'PLUS')
    .replace(/-(\d+)$/, 'MINUS$1')
  return (SignalSchema.values.find((value) => value.name === name)?.number ?? Signal.RUNTIME_DEFAULT) as Signal
}
