import { constants } from 'node:os'
import { errnoError, libc } from './libc.ts'

/**
 * Starts processes by posix_spawn(3). Node's own `child_process` forks, which takes a time that grows with the memory of
 * the daemon (0.9 ms at 50 MB, 19 ms at 1 GB, all of it blocking); posix_spawn takes 0.1 ms whatever the size.
 */
export interface SpawnRequest {
  /** The program, as an absolute path. */
  readonly file: string
  /** The program's own name as it sees it and `ps` shows it; `file` when absent. */
  readonly argv0?: string
  /** The arguments after that. */
  readonly args: readonly string[]
  /** The whole environment; nothing is inherited. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Descriptors of this process that become 0, 1 and 2 of the child. The caller closes its own copies. */
  readonly stdin: number
  readonly stdout: number
  readonly stderr: number
  /** One more, which becomes 3. */
  readonly extra?: number
  /** The child leads a new session, so that signals to this process's group do not reach it. */
  readonly newSession?: boolean
}

const SETSIGDEF = 0x04
const SETSIGMASK = 0x08
const SETSID = 0x80

/** Room enough for glibc's `posix_spawnattr_t` (336 bytes), `posix_spawn_file_actions_t` (80) and `sigset_t` (128). */
const structSize = 512

/**
 * Starts a process and returns its pid. All its signals have their default action and none is blocked (Node ignores
 * SIGPIPE, and an ignored signal would stay ignored across exec). Throws the errno error of posix_spawn, also when the
 * program does not exist. The caller reaps it, through {@link Reaper}.
 */
export function spawn(request: SpawnRequest): number {
  const attr = Buffer.alloc(structSize)
  const actions = Buffer.alloc(structSize)
  const signals = Buffer.alloc(structSize)
  const pid = Buffer.alloc(4)
  libc.posix_spawnattr_init(attr)
  libc.posix_spawn_file_actions_init(actions)
  try {
    libc.posix_spawnattr_setflags(attr, SETSIGDEF | SETSIGMASK | (request.newSession ? SETSID : 0))
    libc.sigfillset(signals)
    libc.posix_spawnattr_setsigdefault(attr, signals)
    libc.sigemptyset(signals)
    libc.posix_spawnattr_setsigmask(attr, signals)
    if (request.cwd !== undefined) libc.posix_spawn_file_actions_addchdir_np(actions, request.cwd)
    libc.posix_spawn_file_actions_adddup2(actions, request.stdin, 0)
    libc.posix_spawn_file_actions_adddup2(actions, request.stdout, 1)
    libc.posix_spawn_file_actions_adddup2(actions, request.stderr, 2)
    if (request.extra !== undefined) libc.posix_spawn_file_actions_adddup2(actions, request.extra, 3)
    const argv = [request.argv0 ?? request.file, ...request.args, null]
    const envp = [...Object.entries(request.env ?? {}).map(([name, value]) => `${name}=${value}`), null]
    const errno: number = libc.posix_spawn(pid, request.file, actions, attr, argv, envp)
    if (errno !== 0) throw errnoError('posix_spawn', errno, request.file)
    return pid.readInt32LE(0)
  } finally {
    libc.posix_spawn_file_actions_destroy(actions)
    libc.posix_spawnattr_destroy(attr)
  }
}

/** Sends a signal by name to a process, or with a negative pid to a process group. Answers whether anything was there. */
export function kill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, constants.signals[signal])
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
