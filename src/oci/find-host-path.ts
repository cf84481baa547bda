import { mkdir, realpath } from 'node:fs/promises'
import type { Mount as MountRequest } from '../gen/cri_pb.ts'
import { deadlineExceeded, errnoOf, failedPrecondition, invalidArgument, messageOf } from '../lib/errors.ts'
import { type MountFacts, mountOf, readMounts } from '../linux/mount-facts.ts'
import { hostPath } from './spec/checks.ts'
import { type HostPath, mountDestination } from './spec/mounts.ts'

/** How long a host path may take to be looked at, in milliseconds: a dead network file system may never answer. */
const patienceMs = 120_000

export interface HostPathLookup {
  /** Told of each path before it is looked at. */
  readonly onLook?: (path: string) => void
  readonly patienceMs?: number
  /** Those of `node:fs/promises`, but for tests. */
  readonly files?: { realpath(path: string): Promise<string>; mkdir(path: string, options: object): Promise<unknown> }
}

/**
 * Finds the host paths of a container's mounts, links followed. One that does not exist is made as a folder with mode 0755, as
 * containerd and the kubelet's DirectoryOrCreate do; all requests are checked before the first is made.
 *
 * @param images where the images of image volumes are mounted, by the place of the request
 */
export async function findHostPaths(
  requests: readonly MountRequest[],
  images: ReadonlyMap<number, string>,
  lookup: HostPathLookup = {},
): Promise<HostPath[]> {
  checkHostPaths(requests, images)
  if (requests.length === 0) return []
  const sources: string[] = []
  for (const [index, request] of requests.entries()) {
    sources.push(images.get(index) ?? (await inTime(hostPathOf(request), lookup)))
  }
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

/**
 * The lookups under way. One that hangs has a thread of Node's few for itself: whoever asks for the same path again, as the
 * kubelet will, waits for that one.
 */
const underWay = new Map<string, Promise<string>>()

async function inTime(path: string, lookup: HostPathLookup): Promise<string> {
  lookup.onLook?.(path)
  let found = underWay.get(path)
  if (!found) {
    found = followed(path, lookup.files ?? { realpath, mkdir }).finally(() => underWay.delete(path))
    underWay.set(path, found)
  }
  const { promise: late, reject } = Promise.withResolvers<never>()
  const patience = lookup.patienceMs ?? patienceMs
  const message = `mounts: host path ${path} has not answered for ${patience / 1000} s: is it on a network file system whose server is away?`
  const timer = setTimeout(() => reject(deadlineExceeded(message)), patience)
  try {
    return await Promise.race([found, late])
  } finally {
    clearTimeout(timer)
    // Whatever comes of it later, nobody waits for it any more.
    found.catch(() => {})
  }
}

async function followed(path: string, files: NonNullable<HostPathLookup['files']>): Promise<string> {
  try {
    return await files.realpath(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw invalidArgument(`mounts: host path ${path}: ${messageOf(error)}`, error)
  }
  try {
    await files.mkdir(path, { recursive: true, mode: 0o755 })
    return await files.realpath(path)
  } catch (error) {
    throw failedPrecondition(`mounts: host path ${path} does not exist and cannot be made: ${messageOf(error)}`, error)
  }
}

function sharing(mount: MountFacts | undefined): Omit<HostPath, 'source'> {
  if (!mount) return { mountPoint: '/', propagation: 'private' }
  const { mountPoint, shared, slave } = mount
  return { mountPoint, propagation: shared ? 'shared' : slave ? 'slave' : 'private' }
}
