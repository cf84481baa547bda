import { closeSync, constants, openSync } from 'node:fs'
import { libc } from './libc.ts'

/** ioctl_iflags(2); the same on x86-64 and arm64. */
const FS_IOC_GETFLAGS = 0x80086601
const FS_IOC_SETFLAGS = 0x40086602
const FS_TOPDIR_FL = 0x00020000

/**
 * Tells the file system that what is in one subfolder of `path` has nothing to do with what is in another (`chattr +T`), where
 * it can be told such a thing (ext4): folders that are made in it are spread over the disk. Without that they share a block
 * group, whose inodes ext4 does not use again within minutes of their deletion: making thousands of files beside thousands that
 * have just been deleted (a layer after an image was removed) takes twice the time, since it looks at each of those again
 * (`recently_deleted` of fs/ext4/ialloc.c). Answers whether the file system knows it.
 */
export function spreadSubfolders(path: string): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const flags = Buffer.alloc(8)
    if (libc.ioctl(fd, FS_IOC_GETFLAGS, flags) !== 0) return false
    flags.writeUInt32LE((flags.readUInt32LE(0) | FS_TOPDIR_FL) >>> 0, 0)
    return libc.ioctl(fd, FS_IOC_SETFLAGS, flags) === 0
  } finally {
    closeSync(fd)
  }
}
