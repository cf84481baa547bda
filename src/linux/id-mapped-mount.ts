import { closeSync, openSync } from 'node:fs'
import { addressOf, check, libc } from './libc.ts'
import { cloneTree, moveTree } from './mount-tree.ts'

/** The number is the same on x86-64 and arm64. */
const SYS_mount_setattr = 442
const AT_EMPTY_PATH = 0x1000
const MOUNT_ATTR_RDONLY = 1n
const MOUNT_ATTR_IDMAP = 0x00100000n

/**
 * Makes `target`, which must exist, show the folder `source` read-only, with the owners of its files as the user namespace
 * pinned at `userns` maps them: what belongs to root on disk belongs to that namespace's root there (mount_setattr(2), "ID-mapped
 * mounts"; Linux 5.12). Throws the errno error: EINVAL where the kernel or the file system cannot.
 */
export function mountIdMapped(source: string, target: string, userns: string): void {
  const tree = cloneTree(source)
  try {
    setIdMap(tree, userns, source)
    moveTree(tree, target)
  } finally {
    closeSync(tree)
  }
}

/** Whether the file system of `folder` can be shown so. */
export function canIdMap(folder: string, userns: string): boolean {
  let tree: number | undefined
  try {
    tree = cloneTree(folder)
    setIdMap(tree, userns, folder)
    return true
  } catch {
    return false
  } finally {
    if (tree !== undefined) closeSync(tree)
  }
}

function setIdMap(tree: number, userns: string, path: string): void {
  const empty = Buffer.from('\0')
  const namespace = openSync(userns, 'r')
  try {
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    const attr = Buffer.alloc(32)
    attr.writeBigUInt64LE(MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY, 0)
    attr.writeBigUInt64LE(BigInt(namespace), 24)
    const result = libc.syscall(SYS_mount_setattr, tree, addressOf(empty), AT_EMPTY_PATH, addressOf(attr), attr.length)
    check(result, 'mount_setattr', path)
  } finally {
    closeSync(namespace)
  }
}
