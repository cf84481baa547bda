import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, invalidArgument } from '../lib/errors.ts'

/**
 * Throws when the image has a link where the kernel's file systems go. The runtime would follow it out of the root: runc
 * before 1.2 makes the links of /dev (fd, stdin, ptmx) wherever an image's /dev points to, on the host; for /proc and /sys
 * that was CVE-2023-28642 and CVE-2019-19921.
 */
export function checkKernelFolders(rootfsPath: string, imageName: string): void {
  for (const name of ['dev', 'proc', 'sys']) {
    if (isLink(join(rootfsPath, name))) {
      throw invalidArgument(`/${name} of image "${imageName}" is a link; it must be a folder, or not be there`)
    }
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}
