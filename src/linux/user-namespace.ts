import { closeSync, writeFileSync } from 'node:fs'
import { invalidArgument, operationFailed } from '../lib/errors.ts'
import { contents, memfd, runCommand } from './command.ts'
import { HelperProcess } from './helper-process.ts'
import { canIdMap } from './id-mapped-mount.ts'
import { bindMount, unmount } from './mount.ts'
import type { PinnedNamespace } from './namespaces.ts'
import type { Reaper } from './reaper.ts'
import { kill, spawn } from './spawn.ts'

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

/** The pid of the background process goes to stderr: stdin and stdout are the pipe that the process waits on. */
const initScript = `exec nsenter --user="$1" --setgid 0 --setuid 0 unshare --pid sh -c '
  exec 3<&0; sh -c "$1" <&3 3<&- 2>/dev/null & echo $! >&2' sh "$2"`

/**
 * Runs a shell script as the first process of a new PID namespace that belongs to the user namespace pinned at `user`; the
 * PID namespace is pinned at `path`. Answers the process's pid as seen from here; it becomes a child of this process, which
 * must be a subreaper.
 */
export async function spawnInitInUserNamespace(
  reaper: Reaper,
  request: {
    readonly user: string
    readonly path: string
    readonly script: string
    readonly stdin: number
    readonly stdout: number
  },
): Promise<number> {
  const stderr = memfd('stderr')
  try {
    const helper = spawn({
      file: '/bin/sh',
      args: ['-c', initScript, 'sh', request.user, request.script],
      env: { PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      stdin: request.stdin,
      stdout: request.stdout,
      stderr,
      newSession: true,
    })
    const { exitCode } = await reaper.wait(helper)
    const words = contents(stderr).toString('utf8').trim()
    if (exitCode !== 0 || !/^[1-9]\d*$/.test(words)) {
      throw operationFailed(`cannot start the init of a pod's PID namespace in its user namespace: ${words}`)
    }
    const pid = Number(words)
    try {
      writeFileSync(request.path, '')
      bindMount(`/proc/${pid}/ns/pid`, request.path)
    } catch (error) {
      kill(pid, 'SIGKILL')
      throw error
    }
    return pid
  } finally {
    closeSync(stderr)
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
