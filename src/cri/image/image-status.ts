import type { ImageService } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { HandlerOf } from '../handlers.ts'
import { imageShape } from '../shape/image.ts'
import { verboseInfo } from '../shape/verbose.ts'

/** An image that is not here is no error: the answer has none then. */
export const imageStatus: HandlerOf<typeof ImageService, 'imageStatus'> = ({ images }, request) => {
  const reference = request.image?.image ?? ''
  if (reference === '') throw invalidArgument('the request names no image')
  const image = images.status(reference)
  if (!image) return {}
  return {
    image: imageShape(image),
    ...verboseInfo(request.verbose, () => ({
      manifestDigest: image.manifestDigest,
      ...(image.artifactType !== undefined && { artifactType: image.artifactType }),
      diffIds: image.diffIds,
      imageSpec: JSON.parse(image.configJson) as unknown,
    })),
  }
}
