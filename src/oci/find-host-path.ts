import { mkdirSync, realpathSync } from 'node:fs'
import type { Mount as MountRequest } from '../gen/cri_pb.ts'
import { errnoOf, failedPrecondition, invalidArgument, messageOf } from '../lib/errors.ts'
import { type MountFacts, mountOf, readMounts } from '../linux/mount-facts.ts'
import { hostPath } from './spec/checks.ts'
import { type HostPath, mountDestination } from './spec/mounts.ts'

/**
 * Finds the host paths of a container's mounts, links followed. One that does not exist is made as a folder with mode 0755, as
 * containerd and the kubelet's DirectoryOrCreate do; all requests are checked before the first is made.
 *
 * @param images where the images of image volumes are mounted, by the place of the request
 */
export function findHostPaths(requests: readonly MountRequest[], images: ReadonlyMap<number, string>): HostPath[] {
  checkHostPaths(requests, images)
  if (requests.length === 0) return []
  const sources = requests.map((request, index) => images.get(index) ?? followed(hostPathOf(request)))
  const mounts = readMounts()
  return sources.map((source, index) => ({
    source,
    ...sharing(mountOf(source, mounts)),
    ...(images.has(index) && { image: true }),
  }))
}

/** Throws for what is wrong with the requests in themselves. */
export function checkHostPaths(requests: readonly MountRequest[], images: ReadonlyMap<number, string>): void {
  requests.forEach((request, index) => {
    mountDestination(request)
    if (!images.has(index)) hostPathOf(request)
  })
}

function hostPathOf(request: MountRequest): string {
  return hostPath('mounts.host_path', request.hostPath)
}

function followed(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw invalidArgument(`mounts: host path ${path}: ${messageOf(error)}`, error)
  }
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 })
    return realpathSync(path)
  } catch (error) {
    throw failedPrecondition(`mounts: host path ${path} does not exist and cannot be made: ${messageOf(error)}`, error)
  }
}

function sharing(mount: MountFacts | undefined): Omit<HostPath, 'source'> {
  if (!mount) return { mountPoint: '/', propagation: 'private' }
  const { mountPoint, shared, slave } = mount
  return { mountPoint, propagation: shared ? 'shared' : slave ? 'slave' : 'private' }
}
