import { closeSync, openSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { check, libc } from './libc.ts'
import type { PinnedNamespace } from './namespaces.ts'

/**
 * Calls `run`, which is synchronous, while the main thread is in the namespaces pinned at `paths`; afterwards it is where it
 * was. A thread that could not return would do its further work in a pod: the process ends then, and a restart loses nothing.
 */
export function insideNamespaces(paths: Readonly<Partial<Record<PinnedNamespace, string>>>, run: () => void): void {
  if (!isMainThread) throw new Error('insideNamespaces is for the main thread: setns must not move a worker for good')
  const kinds = Object.keys(paths) as PinnedNamespace[]
  const homes = kinds.map((kind) => openSync(`/proc/thread-self/ns/${kind}`, 'r'))
  try {
    for (const kind of kinds) enter(paths[kind] as string)
    run()
  } finally {
    for (const home of homes) {
      if (libc.setns(home, 0) !== 0) process.abort()
      closeSync(home)
    }
  }
}

function enter(path: string): void {
  const fd = openSync(path, 'r')
  try {
    // 0: whatever kind of namespace it is (setns(2)).
    check(libc.setns(fd, 0), 'setns', path)
  } finally {
    closeSync(fd)
  }
}
