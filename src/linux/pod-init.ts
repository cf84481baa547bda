import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { operationFailed } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { leaveEmptyRoot } from './empty-root.ts'
import { bindMount, unmount } from './mount.ts'
import { createPipe } from './pipe.ts'
import type { Reaper } from './reaper.ts'
import { kill, spawn } from './spawn.ts'

/** How long its start may take, in milliseconds; it takes some 10. */
const patienceMs = 10_000

export interface PodInitRequest {
  /** Namespaces that it is to enter, by kind, as paths. With a user namespace its PID namespace belongs to that. */
  readonly namespaces: Readonly<Partial<Record<'user' | 'net' | 'ipc' | 'uts', string>>>
  /** Where its PID namespace is pinned by a bind mount. */
  readonly path: string
  /** Its user and group id, as its user namespace counts: one that nobody else has. */
  readonly id: number
  /** Moves the process of that pid into the cgroup that the init is to be in; everything that it starts is there too. */
  readonly place: (pid: number) => Promise<void>
  /** Called with its pid when it is to stay: if this process ends or throws before that has returned, the init ends too. */
  readonly record: (pid: number) => void
}

/**
 * It begins when it is in its cgroup, which then is the root of the cgroup namespace that it makes.
 *
 * The mount namespace is made before the user namespace is entered, and so does not belong to that: otherwise all mounts would
 * hang together for good, and those of the host would stay busy (mount_namespaces(7), "locked").
 *
 * A shell that runs something in the background gives it no stdin; the descriptor 3 does.
 */
const launcher = `
  read _ || exit 1
  id=$1; script=$2; shift 2
  exec unshare --mount --cgroup "$@" unshare --pid sh -c '
    exec 3<&0
    setpriv --reuid "$1" --regid "$1" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
      sh -c "$2" pause <&3 3<&- &
    echo "pid $!" >&2' sh "$id" "$script"`

/**
 * It waits until it is to stay, and then for ever, on a pipe (stdout) of which it has both ends. The kernel reaps what is
 * orphaned to it, because it ignores SIGCHLD (wait(2)).
 */
const script = `
  trap '' CHLD; printf pause >/proc/self/comm; echo ready >&2
  read _ || exit 1
  exec <&1 2>&1
  while :; do read _; done`

/**
 * Starts a process that does nothing as the first one (pid 1) of a new PID namespace, and answers its pid as seen from here. It
 * becomes a child of this process, which must be a subreaper. When it ends, the kernel kills all others of the namespace
 * (pid_namespaces(7)).
 *
 * Others of the pod may look into it and even make it do what they like, if they have CAP_SYS_PTRACE. So it has nothing: no
 * capability and no way to one, an id of its own, an empty read-only root, no file of the host open, no namespace of the host
 * that the pod does not have too.
 */
export async function startPodInit(reaper: Reaper, request: PodInitRequest): Promise<number> {
  const go = createPipe({ nonBlocking: false })
  const words = createPipe()
  const idle = createPipe({ nonBlocking: false })
  const bothEnds = openSync(`/proc/self/fd/${idle.read}`, constants.O_RDWR)
  let launched: number
  try {
    const enter = Object.entries(request.namespaces).map(([kind, path]) => `--${kind}=${path}`)
    const asRoot = request.namespaces.user === undefined ? [] : ['--setgid', '0', '--setuid', '0']
    // Newer releases of nsenter refuse to run without a namespace: a pod on the host's needs none of it.
    const nsenter = enter.length > 0 ? ['nsenter', ...enter, ...asRoot] : []
    launched = spawn({
      file: '/bin/sh',
      args: ['-c', launcher, 'sh', String(request.id), script, ...nsenter],
      env: { PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      stdin: go.read,
      stdout: bothEnds,
      stderr: words.write,
      newSession: true,
    })
  } catch (error) {
    closeSync(go.write)
    closeSync(words.read)
    throw error
  } finally {
    for (const fd of [go.read, words.write, idle.read, idle.write, bothEnds]) closeSync(fd)
  }
  try {
    await request.place(launched).catch((error) => {
      closeSync(words.read)
      throw error
    })
    writeSync(go.write, '\n')
    const pid = await untilReady(reaper, launched, words.read)
    faultPoint('pod-init:started')
    leaveEmptyRoot(pid)
    // An init that did not come to stay may have left its namespace there.
    unmount(request.path)
    writeFileSync(request.path, '')
    bindMount(`/proc/${pid}/ns/pid`, request.path)
    faultPoint('pod-init:pinned')
    request.record(pid)
    faultPoint('pod-init:recorded')
    writeSync(go.write, '\n')
    return pid
  } finally {
    // Without the lines before, this is its end.
    closeSync(go.write)
  }
}

/** Answers the pid of the init once it runs its script. Throws with the words of the programs on the way there. */
async function untilReady(reaper: Reaper, launched: number, words: number): Promise<number> {
  // The launcher and all that it starts are one process group.
  const timer = setTimeout(() => kill(-launched, 'SIGKILL'), patienceMs)
  const ended = reaper.wait(launched)
  const output = new Socket({ fd: words, readable: true, writable: false }).setEncoding('utf8')
  let text = ''
  try {
    await new Promise<void>((resolve) => {
      output.on('data', (chunk: string) => {
        text += chunk
        if (/^ready$/m.test(text) && /^pid \d+$/m.test(text)) resolve()
      })
      output.once('close', () => resolve())
    })
    await ended
    const pid = /^pid (\d+)$/m.exec(text)?.[1]
    if (pid !== undefined && /^ready$/m.test(text)) return Number(pid)
    const said = text.replace(/^(?:ready|pid \d+)\n/gm, '').trim()
    throw operationFailed(`cannot start the init of a pod's PID namespace: ${said || 'it ended at once'}`)
  } finally {
    clearTimeout(timer)
    output.destroy()
  }
}
