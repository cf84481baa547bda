import { closeSync, fstatSync, mkdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerConfig, Mount } from '../gen/cri_pb.ts'
import type { MountableImage } from '../image/image.ts'
import { BerthError, errnoOf, invalidArgument, messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { mountIdMapped } from '../linux/id-mapped-mount.ts'
import { bindMountReadOnly } from '../linux/mount.ts'
import { openPathInRoot } from '../linux/open-in-root.ts'
import type { ImageVolume } from '../state/container-record.ts'
import { type LayerOwner, mountLayers } from './container-rootfs.ts'
import type { ContainerLayout } from './layout.ts'
import type { PodParts } from './parts.ts'

/** A mount that shows an image or an artifact, with it. */
export interface ImageMount {
  /** Its place in the container's mounts. */
  readonly index: number
  readonly request: Mount
  readonly image: MountableImage
}

/** The mounts of a container that show images. The kubelet looks for the prefix `ImageVolumeMountFailed`. */
export async function imageMounts(parts: Pick<PodParts, 'images'>, config: ContainerConfig): Promise<ImageMount[]> {
  const mounts: ImageMount[] = []
  for (const [index, request] of config.mounts.entries()) {
    const name = request.image?.image ?? ''
    if (request.image === undefined || (name === '' && request.hostPath !== '')) {
      if (request.imageSubPath === '') continue
      throw invalidArgument(`mounts: ${request.containerPath} has an image_sub_path, but no image`)
    }
    if (request.hostPath !== '') {
      throw invalidArgument(`mounts: ${request.containerPath} has both an image and a host_path`)
    }
    if (!request.readonly) throw invalidArgument(`mounts: the image at ${request.containerPath} must be readonly`)
    const image = await parts.images.useForVolume(name).catch((error) => {
      throw volumeFailed(request, error)
    })
    mounts.push({ index, request, image })
  }
  return mounts
}

/** What the record keeps of them. */
export function imageVolumesOf(mounts: readonly ImageMount[]): ImageVolume[] {
  return mounts.map(({ index, image }) => ({ index, imageId: image.id }))
}

/** Mounts the images below the container's bundle; answers where each mount's source is, by its place in the mounts. */
export function mountImageVolumes(
  layout: ContainerLayout,
  mounts: readonly ImageMount[],
  owner: LayerOwner | undefined,
): Map<number, string> {
  return new Map(
    mounts.map(({ index, request, image }) => {
      const source = failingAs(request, () => {
        const target = join(layout.volumes, String(index))
        mkdirSync(target, { recursive: true, mode: 0o711 })
        mountImage(image.layerDirs, target, join(layout.bundle, 'layers'), owner)
        faultPoint('image-volume:mounted')
        return request.imageSubPath === '' ? target : folderInside(target, request.imageSubPath)
      })
      return [index, source]
    }),
  )
}

/** An overlay needs two layers when it has no writable one. */
function mountImage(layers: readonly string[], target: string, scratch: string, owner: LayerOwner | undefined): void {
  const [only, ...others] = layers
  if (only === undefined) return
  if (others.length > 0) mountLayers({ layers, target, scratch }, owner)
  else if (owner) mountIdMapped(only, target, owner.userns)
  else bindMountReadOnly(only, target)
}

/** The folder at a path inside the image; links are followed as if the image were everything, so that none leads out. */
function folderInside(root: string, path: string): string {
  if (path.startsWith('/') || path.split('/').includes('..') || path.includes('\0')) {
    throw invalidArgument(`image_sub_path ${JSON.stringify(path)} must be a path inside the image, without ".."`)
  }
  let fd: number
  try {
    fd = openPathInRoot(root, path)
  } catch (error) {
    throw invalidArgument(`the image has no folder ${JSON.stringify(path)} (${errnoOf(error)})`, error)
  }
  try {
    if (!fstatSync(fd).isDirectory()) throw invalidArgument(`${JSON.stringify(path)} is not a folder of the image`)
    // The image does not change while it is mounted: the path stays what the descriptor is.
    return readlinkSync(`/proc/self/fd/${fd}`)
  } finally {
    closeSync(fd)
  }
}

function failingAs<T>(mount: Mount, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw volumeFailed(mount, error)
  }
}

function volumeFailed({ containerPath }: Mount, error: unknown): BerthError {
  const code = error instanceof BerthError ? error.code : 'unknown'
  const message = `ImageVolumeMountFailed: the image volume at ${containerPath}: ${messageOf(error)}`
  return new BerthError(code, message, error)
}
