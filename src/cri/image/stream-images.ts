import { type ImageService, ImageSchema } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { pages } from '../pages.ts'
import { imageShape } from '../shape/image.ts'

export const streamImages: HandlerOf<typeof ImageService, 'streamImages'> = function* (services, { filter }) {
  const found = services.images.list(filter?.image?.image || undefined)
  for (const images of pages(ImageSchema, found.map(imageShape))) yield { images }
}
