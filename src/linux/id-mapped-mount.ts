import { closeSync, openSync } from 'node:fs'
import { addressOf, check, libc } from './libc.ts'

/** The numbers are the same on x86-64 and arm64. */
const SYS_open_tree = 428
const SYS_move_mount = 429
const SYS_mount_setattr = 442
const AT_FDCWD = -100
const AT_EMPTY_PATH = 0x1000
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOVE_MOUNT_F_EMPTY_PATH = 4
const MOUNT_ATTR_RDONLY = 1n
const MOUNT_ATTR_IDMAP = 0x00100000n

/**
 * Makes `target`, which must exist, show the folder `source` read-only, with the owners of its files as the user namespace
 * pinned at `userns` maps them: what belongs to root on disk belongs to that namespace's root there (mount_setattr(2), "ID-mapped
 * mounts"; Linux 5.12). Throws the errno error: EINVAL where the kernel or the file system cannot.
 */
export function mountIdMapped(source: string, target: string, userns: string): void {
  const empty = Buffer.from('\0')
  const from = Buffer.from(`${source}\0`)
  const to = Buffer.from(`${target}\0`)
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
  const tree = check(libc.syscall(SYS_open_tree, AT_FDCWD, addressOf(from), flags, 0, 0), 'open_tree', source)
  try {
    setIdMap(tree, userns, source)
    const moved = libc.syscall(SYS_move_mount, tree, addressOf(empty), AT_FDCWD, addressOf(to), MOVE_MOUNT_F_EMPTY_PATH)
    check(moved, 'move_mount', target)
  } finally {
    closeSync(tree)
  }
}

/** Whether the file system of `folder` can be shown so. */
export function canIdMap(folder: string, userns: string): boolean {
  const from = Buffer.from(`${folder}\0`)
  const tree = Number(libc.syscall(SYS_open_tree, AT_FDCWD, addressOf(from), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0))
  if (tree < 0) return false
  try {
    setIdMap(tree, userns, folder)
    return true
  } catch {
    return false
  } finally {
    closeSync(tree)
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
