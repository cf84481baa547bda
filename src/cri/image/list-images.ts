import type { ImageService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { imageShape } from '../shape/image.ts'

export const listImages: HandlerOf<typeof ImageService, 'listImages'> = ({ images }, { filter }) => ({
  images: images.list(filter?.image?.image || undefined).map(imageShape),
})
