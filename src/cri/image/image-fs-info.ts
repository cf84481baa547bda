import type { ImageService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** Containers write to the same disk as the images, so there is one file system to report. */
export const imageFsInfo: HandlerOf<typeof ImageService, 'imageFsInfo'> = ({ images }) => {
  const { timestamp, mountpoint, usedBytes, inodesUsed } = images.fsInfo()
  const usage = {
    timestamp,
    fsId: { mountpoint },
    usedBytes: { value: BigInt(usedBytes) },
    inodesUsed: { value: BigInt(inodesUsed) },
  }
  return { imageFilesystems: [usage] }
}
