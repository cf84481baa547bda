import type { ImageService } from '../../gen/cri_pb.ts'
import type { Handlers } from '../handlers.ts'
import { imageFsInfo } from './image-fs-info.ts'
import { imageStatus } from './image-status.ts'
import { listImages } from './list-images.ts'
import { pullImage } from './pull-image.ts'
import { removeImage } from './remove-image.ts'
import { streamImages } from './stream-images.ts'

/** The RPCs of ImageService that Berth has. */
export const imageHandlers: Handlers<typeof ImageService> = {
  pullImage,
  listImages,
  imageStatus,
  removeImage,
  streamImages,
  imageFsInfo,
}
