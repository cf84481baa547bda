import { addressOf, check, libc } from './libc.ts'

/** The numbers are the same on x86-64 and arm64. */
const SYS_open_tree = 428
const SYS_move_mount = 429
const AT_FDCWD = -100
const AT_RECURSIVE = 0x8000
const OPEN_TREE_CLONE = 1
const OPEN_TREE_CLOEXEC = 0o2000000
const MOVE_MOUNT_F_EMPTY_PATH = 4

/**
 * A mount that shows what `source` shows and is nowhere yet (open_tree(2), Linux 5.2), with `recursive` together with all mounts
 * below it. Answers a descriptor, which the caller closes; what was not put anywhere by then is gone. Throws the errno error.
 */
export function cloneTree(source: string, { recursive = false } = {}): number {
  const from = Buffer.from(`${source}\0`)
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)
  return check(libc.syscall(SYS_open_tree, AT_FDCWD, addressOf(from), flags, 0, 0), 'open_tree', source)
}

/** Puts what {@link cloneTree} has made at `target`, which must exist. Throws the errno error. */
export function moveTree(tree: number, target: string): void {
  const empty = Buffer.from('\0')
  const to = Buffer.from(`${target}\0`)
  const moved = libc.syscall(SYS_move_mount, tree, addressOf(empty), AT_FDCWD, addressOf(to), MOVE_MOUNT_F_EMPTY_PATH)
  check(moved, 'move_mount', target)
}
