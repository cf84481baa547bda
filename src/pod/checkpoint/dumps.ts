import type { StoredImage } from '../../image/image.ts'
import type { ContainerRecord } from '../../state/container-record.ts'

/*
 * The descriptions in a checkpoint archive, in the format of checkpointctl, which CRI-O, containerd and Podman write and read
 * (github.com/checkpoint-restore/checkpointctl, lib/metadata.go).
 */

/** `config.dump` */
export function configDump(
  container: ContainerRecord,
  image: StoredImage | undefined,
  runtime: string,
  at: bigint,
): string {
  return JSON.stringify({
    id: container.id,
    name: container.config.metadata?.name,
    rootfsImage: container.config.image?.userSpecifiedImage || container.config.image?.image,
    rootfsImageRef: image?.repoDigests[0] ?? container.imageId,
    rootfsImageName: image?.repoTags[0] ?? container.config.image?.image,
    runtime,
    createdTime: timestamp(container.createdAt),
    checkpointedTime: timestamp(at),
    restoredTime: timestamp(undefined),
    restored: false,
  })
}

/** `status.dump`: what a restore needs of CRI's ContainerStatus, with Go's names for the fields and times in nanoseconds. */
export function statusDump(container: ContainerRecord, image: StoredImage | undefined): string {
  const { config, state } = container
  const status = {
    id: container.id,
    metadata: { name: config.metadata?.name, attempt: config.metadata?.attempt },
    // CONTAINER_RUNNING
    state: 1,
    image: { image: config.image?.image, user_specified_image: config.image?.userSpecifiedImage },
    image_ref: image?.repoDigests[0] ?? container.imageId,
    image_id: container.imageId,
    labels: config.labels,
    annotations: config.annotations,
    log_path: container.logPath,
    mounts: config.mounts.map((mount) => ({
      container_path: mount.containerPath,
      host_path: mount.hostPath,
      readonly: mount.readonly,
      propagation: mount.propagation,
    })),
  }
  // Beyond what a number of JavaScript holds.
  const times = `"created_at":${container.createdAt},"started_at":${'startedAt' in state ? state.startedAt : 0n}`
  return `{${times},${JSON.stringify(status).slice(1)}`
}

/** `bind.mounts`: what must be there on the host where the container is restored. */
export function bindMountsDump(
  mounts: readonly {
    readonly source: string
    readonly destination: string
    readonly isFolder: boolean
    readonly mode: number
  }[],
): string {
  return JSON.stringify(
    mounts.map(({ source, destination, isFolder, mode }) => ({
      source,
      destination,
      file_type: isFolder ? 'directory' : 'file',
      permissions: mode & 0o777,
    })),
  )
}

/** RFC 3339 with nanoseconds; Go's zero time for none. */
function timestamp(ns: bigint | undefined): string {
  if (ns === undefined) return '0001-01-01T00:00:00Z'
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`
}
