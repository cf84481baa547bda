import { writeFileSync } from 'node:fs'
import { invalidArgument } from '../lib/errors.ts'
import { runCommand } from './command.ts'
import { HelperProcess } from './helper-process.ts'
import { canIdMap } from './id-mapped-mount.ts'
import { bindMount, unmount } from './mount.ts'
import type { PinnedNamespace } from './namespaces.ts'
import type { Reaper } from './reaper.ts'

/** How long a helper may take, in milliseconds; it takes some 5. */
const patienceMs = 10_000

/** A range of user and group ids, from 0 on inside, from `hostId` on outside. */
export interface IdRange {
  readonly hostId: number
  readonly length: number
}

/**
 * A process with threads cannot enter a new user namespace (unshare(2), EINVAL), and this one has threads. So a shell does,
 * through unshare(1): it makes the user namespace, waits until its ids are mapped from outside, becomes its root, makes the
 * other namespaces, which then belong to it, and waits until all are pinned.
 */
const script = `exec unshare --user --keep-caps sh -c '
  echo made
  read _ && exec unshare --setgid 0 --setuid 0 unshare "$@" sh -c "echo ready; read _"' sh "$@"`

/**
 * Makes a user namespace with ids mapped, and others that belong to it, and pins each by a bind mount at its path; the files
 * are made here. Throws failed-precondition, with the helper's words, where the kernel or the system has no such thing.
 */
export async function pinUserNamespace(
  reaper: Reaper,
  ids: IdRange,
  user: string,
  others: Readonly<Partial<Record<PinnedNamespace, string>>>,
): Promise<void> {
  await using helper = new HelperProcess(
    reaper,
    script,
    Object.keys(others).map((kind) => `--${kind}`),
  )
  await helper.line()
  for (const file of ['uid_map', 'gid_map']) {
    writeFileSync(`/proc/${helper.pid}/${file}`, `0 ${ids.hostId} ${ids.length}\n`)
  }
  helper.goOn()
  await helper.line()
  const pinned: string[] = []
  try {
    for (const [kind, path] of Object.entries({ user, ...others })) {
      writeFileSync(path, '')
      bindMount(`/proc/${helper.pid}/ns/${kind}`, path)
      pinned.push(path)
    }
  } catch (error) {
    for (const path of pinned) unmount(path)
    throw error
  }
}

/** Writes a file as the root of pinned namespaces. Throws invalid-argument with the shell's words when it may not. */
export async function writeAsNamespaceRoot(
  reaper: Reaper,
  namespaces: Readonly<Partial<Record<PinnedNamespace | 'user', string>>>,
  path: string,
  value: string,
): Promise<void> {
  const enter = Object.entries(namespaces).map(([kind, at]) => `--${kind}=${at}`)
  const { exitCode, stderr } = await runCommand(reaper, {
    file: '/bin/sh',
    args: ['-c', 'exec nsenter "$@"', 'sh', ...enter, 'sh', '-c', 'printf %s "$2" >"$1"', 'sh', path, value],
    env: { PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    signal: AbortSignal.timeout(patienceMs),
  })
  if (exitCode !== 0) throw invalidArgument(`cannot write ${path} as the pod's root: ${stderr.toString('utf8').trim()}`)
}

/** Whether mounts of the file system of `folder` can have their ids mapped, by trying; takes some 10 ms. */
export async function canIdMapFolder(reaper: Reaper, folder: string): Promise<boolean> {
  try {
    await using helper = new HelperProcess(reaper, script, [])
    await helper.line()
    for (const file of ['uid_map', 'gid_map']) writeFileSync(`/proc/${helper.pid}/${file}`, '0 65536 65536\n')
    return canIdMap(folder, `/proc/${helper.pid}/ns/user`)
  } catch {
    return false
  }
}
