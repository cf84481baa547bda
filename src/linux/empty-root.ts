import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { internal } from '../lib/errors.ts'
import { addressOf, check, libc } from './libc.ts'
import { MS, mount } from './mount.ts'

/** 155 on x86-64, 41 on arm64. */
const SYS_pivot_root = process.arch === 'arm64' ? 41 : 155
const SYS_mount_setattr = 442
const AT_FDCWD = -100
const AT_RECURSIVE = 0x8000
const MOUNT_ATTR_RDONLY = 1n
const MNT_DETACH = 2
const CLONE_FS = 0x200
const CLONE_NEWNS = 0x20000

/**
 * Leaves nothing of the file system to a process that has a mount namespace of its own: an empty, read-only folder becomes its
 * root and its working directory (pivot_root(2) moves every process of the namespace), and all other mounts are taken off. What
 * the process runs stays mapped, from mounts that are read-only now: /proc/PID/exe cannot be written through either.
 *
 * Synchronous on the main thread, which goes into the namespace for it. setns(2) asks that no other thread shares the root and
 * the working directory of the caller: from then on a change of these is not seen by the threads that are there already.
 */
export function leaveEmptyRoot(pid: number): void {
  if (!isMainThread) throw new Error('leaveEmptyRoot is for the main thread')
  const fds: number[] = []
  const open = (path: string, flags = 0) => {
    const fd = openSync(path, constants.O_RDONLY | flags)
    fds.push(fd)
    return fd
  }
  try {
    const there = open(`/proc/${pid}/ns/mnt`)
    const home = {
      namespace: open('/proc/thread-self/ns/mnt'),
      root: open('/', constants.O_DIRECTORY),
      cwd: open('.', constants.O_DIRECTORY),
    }
    if (fstatSync(there).ino === fstatSync(home.namespace).ino) {
      throw internal(`process ${pid} has no mount namespace of its own`)
    }
    check(libc.unshare(CLONE_FS), 'unshare')
    check(libc.setns(there, CLONE_NEWNS), 'setns', `/proc/${pid}/ns/mnt`)
    try {
      emptyRoot()
    } finally {
      goHome(home)
    }
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

/** /proc is only the place where the new root lies before it is the root: a folder that is there everywhere. */
function emptyRoot(): void {
  mount('none', '/', null, MS.REC | MS.PRIVATE, null)
  makeReadOnly()
  mount('none', '/proc', 'tmpfs', MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC, 'mode=0555,size=4k,nr_inodes=1')
  const path = Buffer.from('/proc\0')
  check(libc.syscall(SYS_pivot_root, addressOf(path), addressOf(path), 0, 0, 0), 'pivot_root', '/proc')
  // The old root now lies on top of the new one (pivot_root(2), NOTES).
  check(libc.umount2('/', MNT_DETACH), 'umount2', '/')
}

/** All mounts at once; before Linux 5.12 only that of `/`. */
function makeReadOnly(): void {
  const path = Buffer.from('/\0')
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
  const attr = Buffer.alloc(32)
  attr.writeBigUInt64LE(MOUNT_ATTR_RDONLY, 0)
  const result = libc.syscall(SYS_mount_setattr, AT_FDCWD, addressOf(path), AT_RECURSIVE, addressOf(attr), attr.length)
  if (Number(result) !== 0) mount('none', '/', null, MS.BIND | MS.REMOUNT | MS.RDONLY, null)
}

/** A daemon left behind without a file system is of no use: better no daemon; a restart loses nothing. */
function goHome(home: { readonly namespace: number; readonly root: number; readonly cwd: number }): void {
  const back =
    libc.setns(home.namespace, CLONE_NEWNS) === 0 &&
    libc.fchdir(home.root) === 0 &&
    libc.chroot('.') === 0 &&
    libc.fchdir(home.cwd) === 0
  if (!back) process.abort()
}
