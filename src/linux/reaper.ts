import { libc } from './libc.ts'

/** How a process ended, as waitid(2) tells it. */
export interface ExitStatus {
  /** The exit code, or 128 + n when signal n killed it, as a shell reports it. */
  readonly exitCode: number
  /** The number of the signal that killed it, or 0. */
  readonly signal: number
}

const P_ALL = 0
const P_PID = 1
const WNOHANG = 1
const WEXITED = 4
const CLD_EXITED = 1
/** Exits that nobody has claimed yet: the oldest are dropped beyond this number, */
const maxUnclaimed = 1024
/** and beyond this age in milliseconds. */
const maxUnclaimedAge = 5 * 60_000

interface Unclaimed {
  readonly status: ExitStatus
  /** Its place in the order of all exits. */
  readonly order: number
  /** When it was reaped, by the monotonic clock. */
  readonly at: number
}

/**
 * Waits for children that were started by {@link spawn}, driven by SIGCHLD. A process has one Reaper.
 *
 * With `adopt`, the process reaps every child it gets, also those it inherits as a child subreaper: their exits are kept
 * until somebody asks, since an inherited process may end before its pid is known here. Such a process must not use
 * `node:child_process` (libuv waits for its own children by pid and would find them gone).
 */
export class Reaper implements Disposable {
  readonly #waiting = new Map<number, ((status: ExitStatus) => void)[]>()
  readonly #unclaimed = new Map<number, Unclaimed>()
  readonly #adopt: boolean
  readonly #onSignal = () => this.#reap()
  readonly #info = Buffer.alloc(128)
  /** Node's signal handlers do not keep the event loop alive; while somebody waits, this does. */
  #keepAlive: NodeJS.Timeout | undefined
  /** How many children have been reaped. */
  #reaped = 0

  constructor(options: { readonly adopt: boolean }) {
    this.#adopt = options.adopt
    process.on('SIGCHLD', this.#onSignal)
  }

  [Symbol.dispose](): void {
    process.off('SIGCHLD', this.#onSignal)
    clearInterval(this.#keepAlive)
  }

  /** This moment, for {@link wait}. */
  mark(): number {
    return this.#reaped
  }

  /**
   * Resolves when the child `pid` has ended; it is reaped then and its pid may be used again by the kernel.
   *
   * @param since the moment (see {@link mark}) from which on `pid` can only have meant that child: what ended under the same
   *   pid before it was another process. Without it that is now, as it is in the same turn in which the child was spawned.
   */
  wait(pid: number, since = this.mark()): Promise<ExitStatus> {
    const known = this.claim(pid, since)
    if (known) return Promise.resolve(known)
    const { promise, resolve } = Promise.withResolvers<ExitStatus>()
    const others = this.#waiting.get(pid)
    if (others) others.push(resolve)
    else this.#waiting.set(pid, [resolve])
    // It may have ended before we asked, with its SIGCHLD already handled.
    this.#reap()
    this.#keepAliveWhileWaiting()
    return promise
  }

  /** The status of a child that has ended already, after `since`, and that nobody has asked for. */
  claim(pid: number, since = 0): ExitStatus | undefined {
    this.#dropOld()
    const known = this.#unclaimed.get(pid)
    this.#unclaimed.delete(pid)
    return known && known.order > since ? known.status : undefined
  }

  #keepAliveWhileWaiting(): void {
    if (this.#waiting.size === 0) {
      clearInterval(this.#keepAlive)
      this.#keepAlive = undefined
    } else {
      this.#keepAlive ??= setInterval(() => {}, 0x7fffffff)
    }
  }

  #reap(): void {
    if (this.#adopt) {
      for (let pid = this.#next(P_ALL, 0); pid > 0; pid = this.#next(P_ALL, 0)) this.#settle(pid)
    } else {
      for (const pid of [...this.#waiting.keys()]) if (this.#next(P_PID, pid) === pid) this.#settle(pid)
    }
    this.#keepAliveWhileWaiting()
  }

  /** Reaps one child and answers its pid; 0 when none has ended. */
  #next(idtype: number, id: number): number {
    this.#info.fill(0)
    return libc.waitid(idtype, id, this.#info, WEXITED | WNOHANG) === 0 ? this.#info.readInt32LE(16) : 0
  }

  #settle(pid: number): void {
    const status = statusOf(this.#info.readInt32LE(8), this.#info.readInt32LE(24))
    const order = ++this.#reaped
    const waiting = this.#waiting.get(pid)
    this.#waiting.delete(pid)
    // Of an earlier process with this pid, if there is any.
    this.#unclaimed.delete(pid)
    if (waiting) {
      for (const resolve of waiting) resolve(status)
    } else {
      this.#unclaimed.set(pid, { status, order, at: performance.now() })
      this.#dropOld()
    }
  }

  #dropOld(): void {
    const oldest = performance.now() - maxUnclaimedAge
    for (const [pid, { at }] of this.#unclaimed) {
      if (at >= oldest && this.#unclaimed.size <= maxUnclaimed) break
      this.#unclaimed.delete(pid)
    }
  }
}

/** From `si_code` and `si_status` of waitid(2) on 64-bit Linux (offsets 8 and 24; `si_pid` is at 16). */
function statusOf(code: number, status: number): ExitStatus {
  return code === CLD_EXITED ? { exitCode: status, signal: 0 } : { exitCode: 128 + status, signal: status }
}

/** From the status word of wait(2). */
export function statusOfWord(word: number): ExitStatus {
  const signal = word & 0x7f
  return signal === 0 ? { exitCode: (word >> 8) & 0xff, signal } : { exitCode: 128 + signal, signal }
}
