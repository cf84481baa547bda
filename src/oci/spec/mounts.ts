import { type IDMapping, type Mount as MountRequest, MountPropagation } from '../../gen/cri_pb.ts'
import { failedPrecondition, internal, invalidArgument } from '../../lib/errors.ts'
import type { IdMapping, Mount } from '../runtime-spec.ts'
import { containerPath } from './checks.ts'
import type { SandboxPaths } from './input.ts'

/** A `host_path` as it was found on the host (or made there). */
export interface HostPath {
  /** With all links followed. */
  readonly source: string
  /** The mount that it lies on, and whether that shares its mounts with others. */
  readonly mountPoint: string
  readonly propagation: 'private' | 'slave' | 'shared'
  /** It is a mounted image. */
  readonly image?: boolean
}

export interface MountsInput {
  readonly requests: readonly MountRequest[]
  /** One for each request. */
  readonly hostPaths: readonly HostPath[]
  readonly sandboxPaths: SandboxPaths
  readonly privileged: boolean
  readonly readonlyRootfs: boolean
  readonly cgroupWritable: boolean
  /** The pod has the host's IPC namespace, and so its /dev/shm. */
  readonly hostIpc: boolean
  readonly recursiveReadOnly: boolean
}

export interface ContainerMounts {
  readonly mounts: readonly Mount[]
  /** What the root file system's own propagation must be, for mounts to come in or go out. */
  readonly rootfsPropagation: 'rslave' | 'rshared' | undefined
}

/**
 * All mounts of a container in the order in which they are made: the kernel's file systems, then the pod's files and the
 * container's own mounts, those nearer to the root first. A mount of the container takes the place of a default one at the
 * same path, and one at /dev that of all below /dev.
 */
export function containerMounts(input: MountsInput): ContainerMounts {
  const own = input.requests.map((request, index) => {
    const found = input.hostPaths[index]
    if (!found) throw internal(`the host path ${request.hostPath} was not looked up`)
    return requestedMount(request, found, input.recursiveReadOnly)
  })
  const taken = new Set(own.map(({ destination }) => destination))
  const defaults = defaultMounts(input).filter(({ destination }) => {
    return !taken.has(destination) && !(taken.has('/dev') && destination.startsWith('/dev/'))
  })
  const pods = podMounts(input).filter(({ destination }) => !taken.has(destination))
  const byDepth = [...own, ...pods].sort((a, b) => depth(a.destination) - depth(b.destination))
  return { mounts: [...defaults, ...byDepth], rootfsPropagation: rootfsPropagation(input.requests) }
}

function defaultMounts({ privileged, cgroupWritable }: MountsInput): Mount[] {
  const sysMode = privileged ? 'rw' : 'ro'
  const cgroupMode = privileged || cgroupWritable ? 'rw' : 'ro'
  return [
    special('/proc', 'proc', 'proc', ['nosuid', 'noexec', 'nodev']),
    special('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    special('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    special('/dev/mqueue', 'mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    special('/sys', 'sysfs', 'sysfs', ['nosuid', 'noexec', 'nodev', sysMode]),
    special('/sys/fs/cgroup', 'cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', cgroupMode]),
  ]
}

function special(destination: string, type: string, source: string, options: readonly string[]): Mount {
  return { destination, type, source, options }
}

function podMounts({ sandboxPaths, readonlyRootfs, hostIpc }: MountsInput): Mount[] {
  const mode = readonlyRootfs ? 'ro' : 'rw'
  const files: [string, string | undefined, string][] = [
    ['/etc/hostname', sandboxPaths.hostname, mode],
    ['/etc/hosts', sandboxPaths.hosts, mode],
    ['/etc/resolv.conf', sandboxPaths.resolvConf, mode],
    ['/dev/shm', hostIpc ? '/dev/shm' : sandboxPaths.shm, 'rw'],
  ]
  return files.flatMap(([destination, source, access]) => {
    return source === undefined ? [] : [{ destination, type: 'bind', source, options: ['rbind', 'rprivate', access] }]
  })
}

function requestedMount(request: MountRequest, found: HostPath, recursiveReadOnly: boolean): Mount {
  const destination = mountDestination(request)
  if (found.image) return { destination, type: 'bind', source: found.source, options: imageOptions }
  const uidMappings = idMappings(request.uidMappings)
  const gidMappings = idMappings(request.gidMappings)
  return {
    destination,
    type: 'bind',
    source: found.source,
    options: ['rbind', propagationOption(request, found), accessOption(request, recursiveReadOnly)],
    ...(uidMappings.length > 0 && { uidMappings }),
    ...(gidMappings.length > 0 && { gidMappings }),
  }
}

/** Programs of the image may be run: the suite of cri-tools expects it. */
const imageOptions = ['rbind', 'rprivate', 'ro', 'nosuid', 'nodev']

/** Where a request mounts, in its shortest form; the root itself cannot be mounted over. */
export function mountDestination(request: Pick<MountRequest, 'containerPath'>): string {
  const destination = containerPath('mounts.container_path', request.containerPath)
  if (destination === '/') throw invalidArgument('mounts.container_path: nothing can be mounted over the root itself')
  return destination
}

function propagationOption({ propagation, hostPath }: MountRequest, found: HostPath): string {
  switch (propagation) {
    case MountPropagation.PROPAGATION_PRIVATE:
      return 'rprivate'
    case MountPropagation.PROPAGATION_HOST_TO_CONTAINER:
      if (found.propagation !== 'private') return 'rslave'
      throw failedPrecondition(
        `mounts: ${hostPath} is on the mount ${found.mountPoint}, which is not a shared or slave mount: its mounts cannot propagate to the container`,
      )
    case MountPropagation.PROPAGATION_BIDIRECTIONAL:
      if (found.propagation === 'shared') return 'rshared'
      throw failedPrecondition(
        `mounts: ${hostPath} is on the mount ${found.mountPoint}, which is not a shared mount: mounts cannot propagate both ways`,
      )
    default:
      throw invalidArgument(`mounts: ${propagation} is not a propagation that Berth knows (${hostPath})`)
  }
}

/** The kubelet looks for the prefix `RROUnsupported` (cri-api `pkg/errors`). */
function accessOption(request: MountRequest, supported: boolean): string {
  if (!request.recursiveReadOnly) return request.readonly ? 'ro' : 'rw'
  if (!request.readonly) {
    throw invalidArgument(`mounts: ${request.hostPath} is recursive_read_only, but not readonly`)
  }
  if (request.propagation !== MountPropagation.PROPAGATION_PRIVATE) {
    throw invalidArgument(`mounts: ${request.hostPath} is recursive_read_only, which needs private propagation`)
  }
  if (!supported) {
    throw failedPrecondition(
      `RROUnsupported: the kernel or the OCI runtime cannot mount ${request.hostPath} recursively read-only`,
    )
  }
  return 'rro'
}

function rootfsPropagation(requests: readonly MountRequest[]): 'rslave' | 'rshared' | undefined {
  const asks = (mode: MountPropagation) => requests.some(({ propagation }) => propagation === mode)
  if (asks(MountPropagation.PROPAGATION_BIDIRECTIONAL)) return 'rshared'
  return asks(MountPropagation.PROPAGATION_HOST_TO_CONTAINER) ? 'rslave' : undefined
}

function idMappings(mappings: readonly IDMapping[]): IdMapping[] {
  return mappings.map(({ hostId, containerId, length }) => ({ hostID: hostId, containerID: containerId, size: length }))
}

function depth(path: string): number {
  return path.split('/').length
}
