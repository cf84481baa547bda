import type { ImageService } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { HandlerOf } from '../handlers.ts'

export const removeImage: HandlerOf<typeof ImageService, 'removeImage'> = async ({ images }, request) => {
  const reference = request.image?.image ?? ''
  if (reference === '') throw invalidArgument('the request names no image')
  await images.remove(reference)
  return {}
}
