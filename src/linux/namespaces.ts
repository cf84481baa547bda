import { closeSync, openSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { faultPoint } from '../lib/fault-point.ts'
import { check, libc } from './libc.ts'
import { bindMount, unmount } from './mount.ts'

/** The namespaces that outlive every process of a pod, each kept by a bind mount of its own. */
export type PinnedNamespace = 'net' | 'ipc' | 'uts'

const cloneFlag: Readonly<Record<PinnedNamespace, number>> = { net: 0x40000000, ipc: 0x08000000, uts: 0x04000000 }

/**
 * Makes new namespaces and pins each by a bind mount at the given path, without any process living in them:
 * unshare → `inside` → bind mount → setns back, in one synchronous stretch on the main thread. Nothing else of this
 * process can run in between, and threads that Node has already are not touched (unshare(2) changes the caller's only).
 *
 * @param paths where to pin; the files are made here. The folder must exist.
 * @param inside runs while the thread is in the new namespaces (host name, sysctls); synchronous.
 */
export function pinNamespaces(paths: Readonly<Partial<Record<PinnedNamespace, string>>>, inside: () => void): void {
  if (!isMainThread) throw new Error('pinNamespaces is for the main thread: setns must not move a worker for good')
  const kinds = (Object.keys(cloneFlag) as PinnedNamespace[]).filter((kind) => paths[kind] !== undefined)
  if (kinds.length === 0) return
  const pinned: string[] = []
  const home = kinds.map((kind) => ({ kind, fd: openSync(`/proc/thread-self/ns/${kind}`, 'r') }))
  try {
    check(libc.unshare(kinds.reduce((flags, kind) => flags | cloneFlag[kind], 0)), 'unshare')
    try {
      faultPoint('namespaces:made')
      inside()
      for (const kind of kinds) {
        const path = paths[kind] as string
        writeFileSync(path, '')
        bindMount(`/proc/thread-self/ns/${kind}`, path)
        pinned.push(path)
      }
      faultPoint('namespaces:pinned')
    } finally {
      for (const { kind, fd } of home) returnHome(fd, kind)
    }
  } catch (error) {
    for (const path of pinned) unmount(path)
    throw error
  } finally {
    for (const { fd } of home) closeSync(fd)
  }
}

/**
 * Calls `run` while the main thread is in the network namespace at `path`, in one synchronous stretch as above. What is made
 * there, a socket above all, belongs to that namespace for good.
 */
export function insideNetworkNamespace<T>(path: string, run: () => T): T {
  if (!isMainThread)
    throw new Error('insideNetworkNamespace is for the main thread: setns must not move a worker for good')
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    const there = openSync(path, 'r')
    try {
      check(libc.setns(there, cloneFlag.net), 'setns', path)
    } finally {
      closeSync(there)
    }
    try {
      return run()
    } finally {
      returnHome(home, 'net')
    }
  } finally {
    closeSync(home)
  }
}

/** A daemon left behind in a pod's namespace would serve the wrong network: better no daemon; a restart loses nothing. */
function returnHome(fd: number, kind: PinnedNamespace): void {
  if (libc.setns(fd, cloneFlag[kind]) === 0) return
  process.stderr.write(`berth: cannot return to its own ${kind} namespace; stopping\n`)
  process.abort()
}

/** sethostname(2) in the UTS namespace of the calling thread. */
export function setHostname(name: string): void {
  check(libc.sethostname(name, Buffer.byteLength(name)), 'sethostname', name)
}
