import type { ImageService } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { HandlerOf } from '../handlers.ts'

/** No deadline of our own; a pull that no client waits for any more ends. */
export const pullImage: HandlerOf<typeof ImageService, 'pullImage'> = async ({ images }, request, { signal }) => {
  const image = request.image?.image ?? ''
  if (image === '') throw invalidArgument('the request names no image')
  const { imageId } = await images.pull({ image, ...(request.auth && { auth: request.auth }), signal })
  return { imageRef: imageId }
}
