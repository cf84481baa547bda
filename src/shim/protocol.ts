import type { MountView } from '../linux/mount-view.ts'
import type { ExitStatus } from '../linux/reaper.ts'
import type { LogNames } from '../state/log-names.ts'
import type { RuntimeCommand } from '../state/runtime-command.ts'

/**
 * What berthd and a shim say to each other, over a unix socket, as JSON lines (see `connection.ts`). berthd asks; the shim
 * answers, and tells of exits as they happen. Raise {@link protocolVersion} when a message changes its meaning: a new berthd
 * meets the shims of an old one.
 */
export const protocolVersion = 1

/** A container that the shim is to start, or to take over. */
export interface ContainerLaunch {
  readonly id: string
  /** What it is called in the shim's own log. */
  readonly names?: LogNames
  /** The folder with config.json and the pipes: `stdout`, without `tty` also `stderr`, and with `stdin` also `stdin`. */
  readonly bundle: string
  readonly runtime: RuntimeCommand
  /** What the runtime has to see of the mounts of pods when it starts the container; an older shim shows it all. */
  readonly mountView?: MountView
  /** Where the CRI log goes, as an absolute path; empty for none. */
  readonly logPath: string
  readonly stdin: boolean
  /** Its stdin ends at {@link ShimRequests.closeStdin}; otherwise never. */
  readonly stdinOnce?: boolean
  readonly tty: boolean
  /** The container's cgroup as a path below the hierarchy, for its OOM counter. */
  readonly cgroup: string
}

/** A container that the shim is to take over. */
export interface AdoptedContainer extends ContainerLaunch, StartedContainer {
  readonly terminal?: HeldDescriptor
}

export interface StartedContainer {
  readonly pid: number
  /** Nanoseconds since the epoch, as a decimal string, as all times in this protocol. */
  readonly startedAt: string
}

/** The pty master of a container with a terminal, by its number in the shim, for berthd to hold a copy of. */
export interface TerminalNumber {
  readonly terminal?: number
}

/** A descriptor of another process, to be copied with pidfd_getfd(2). */
export interface HeldDescriptor {
  readonly holder: number
  readonly fd: number
}

/** How a container ended; also the content of its `exit.json`. */
export interface ContainerExit extends ExitStatus {
  readonly id: string
  /** The news of the end may be read before that of the start. Absent in records of before this was kept. */
  readonly startedAt?: string
  readonly finishedAt: string
  /** The kernel's OOM killer killed something in the container's cgroup. */
  readonly oomKilled: boolean
  /** Nobody could tell how it ended: the code means nothing. */
  readonly lost?: boolean
}

export interface ExecSyncParams {
  readonly id: string
  readonly runtime: RuntimeCommand
  readonly bundle: string
  /** The `process` object of the OCI runtime-spec. */
  readonly process: unknown
  /** 0 for none. */
  readonly timeoutMs: number
}

export interface ExecSyncResult {
  readonly exitCode: number
  /** Base64; what is beyond some 16 MiB of both together is dropped. */
  readonly stdout: string
  readonly stderr: string
}

/** A command whose stdio berthd streams. */
export interface ExecParams extends Omit<ExecSyncParams, 'timeoutMs'> {
  /** A terminal instead of the three. */
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/**
 * Descriptors by their numbers in the shim's process: berthd takes copies with pidfd_getfd(2) before it sends the request
 * that waits, upon which the shim closes its own. Of stdin it is the writing end, of stdout and stderr the reading end, of
 * the pty the master.
 */
export interface StdioNumbers {
  readonly stdin?: number
  readonly stdout?: number
  readonly stderr?: number
  readonly pty?: number
}

/** Why a client gets no more of a container's output. */
export type AttachEnd = 'container-ended' | 'too-slow' | 'left'

export interface SupervisedContainer extends TerminalNumber {
  readonly id: string
  /** 0 while it is being started. */
  readonly pid: number
  readonly startedAt: string
  /** The OCI runtime is at it: asking again to start it joins the start under way. */
  readonly starting?: boolean
  /** Another shim had started it: this one cannot wait for its process, berthd must. */
  readonly adopted?: boolean
  /** Present once it has ended. */
  readonly exit?: ContainerExit
}

/** The requests, with what they take and answer. */
export interface ShimRequests {
  hello: { params: { readonly version: number }; result: { readonly version: number; readonly pid: number } }
  /** The container will most likely be started soon; what can be done before that is done. An older shim does not know this. */
  prepare: { params: ContainerLaunch; result: null }
  /** Of a container that is being started or was started here already, the answer is that of the first request. */
  start: { params: ContainerLaunch; result: StartedContainer & TerminalNumber }
  /**
   * Reads the pipes of a container that a shim now gone had started, or the pty master that berthd has held meanwhile, and
   * ends the container when `exited` is said.
   */
  adopt: { params: AdoptedContainer; result: null }
  /** An adopted container has ended, says whoever could wait for it. */
  exited: { params: ExitStatus & { readonly id: string; readonly lost?: boolean }; result: null }
  execSync: { params: ExecSyncParams; result: ExecSyncResult }
  /**
   * Starts a command. It belongs to this connection, with which it is killed. Follow up with `execWait` in every case.
   */
  exec: { params: ExecParams; result: { readonly exec: string; readonly pid: number; readonly fds: StdioNumbers } }
  /** Answers when the command has ended; when this request is cancelled, the command is killed with all that it started. */
  execWait: { params: { readonly exec: string }; result: ExitStatus }
  /** Copies of what the container writes from now on; its pty, when it has a terminal. Follow up with `attachWait`. */
  attach: {
    params: { readonly id: string; readonly stdout: boolean; readonly stderr: boolean }
    result: { readonly attach: string; readonly fds: StdioNumbers }
  }
  /** Answers when there is no more to come; cancelling it ends the attach. */
  attachWait: { params: { readonly attach: string }; result: { readonly end: AttachEnd } }
  /** The client of a container with `stdinOnce` has ended its input: so does the stdin, for good. */
  closeStdin: { params: { readonly id: string }; result: null }
  reopenLog: { params: { readonly id: string }; result: null }
  /**
   * Kills what is left, removes the runtime's state and the cgroup, and forgets the container; or only forgets it, when berthd
   * does the rest (a shim from before that was possible does it all).
   */
  delete: {
    params: { readonly id: string; readonly runtime: RuntimeCommand; readonly forgetOnly?: boolean }
    result: null
  }
  list: { params: null; result: { readonly containers: readonly SupervisedContainer[] } }
  /** Ends the shim; refused while it has containers that run or are being started. */
  shutdown: { params: null; result: null }
}

/** What a shim tells unasked. */
export interface ShimEvents {
  exit: ContainerExit
}
