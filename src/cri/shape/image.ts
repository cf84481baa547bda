import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ImageSchema } from '../../gen/cri_pb.ts'
import type { StoredImage } from '../../image/image.ts'

/** An image, in a list or on its own. */
export function imageShape(image: StoredImage): MessageInitShape<typeof ImageSchema> {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.sizeBytes),
    pinned: image.pinned,
    spec: { image: image.id, annotations: { ...image.annotations } },
    ...('uid' in image.user ? { uid: { value: BigInt(image.user.uid) } } : { username: image.user.username }),
  }
}
