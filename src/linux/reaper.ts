import { constants } from 'node:os'
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
/** Exits that nobody has claimed yet: the oldest are dropped beyond this number. */
const maxUnclaimed = 1024

/**
 * Waits for children that were started by {@link spawn}, driven by SIGCHLD. A process has one Reaper.
 *
 * With `adopt`, the process reaps every child it gets, also those it inherits as a child subreaper: their exits are kept
 * until somebody asks, since an inherited process may end before its pid is known here. Such a process must not use
 * `node:child_process` (libuv waits for its own children by pid and would find them gone).
 */
export class Reaper implements Disposable {
  readonly #waiting = new Map<number, ((status: ExitStatus) => void)[]>()
  readonly #unclaimed = new Map<number, ExitStatus>()
  readonly #adopt: boolean
  readonly #onSignal = () => this.#reap()
  readonly #info = Buffer.alloc(128)
  /** Node's signal handlers do not keep the event loop alive; while somebody waits, this does. */
  #keepAlive: NodeJS.Timeout | undefined

  constructor(options: { readonly adopt: boolean }) {
    this.#adopt = options.adopt
    process.on('SIGCHLD', this.#onSignal)
  }

  [Symbol.dispose](): void {
    process.off('SIGCHLD', this.#onSignal)
  }

  /** Resolves when the child `pid` has ended; it is reaped then and its pid may be used again by the kernel. */
  wait(pid: number): Promise<ExitStatus> {
    const known = this.claim(pid)
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

  /** The status of a child that has ended already and that nobody has asked for. */
  claim(pid: number): ExitStatus | undefined {
    const status = this.#unclaimed.get(pid)
    this.#unclaimed.delete(pid)
    return status
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
    const waiting = this.#waiting.get(pid)
    this.#waiting.delete(pid)
    if (waiting) {
      for (const resolve of waiting) resolve(status)
    } else {
      this.#unclaimed.set(pid, status)
      const oldest = this.#unclaimed.keys().next()
      if (this.#unclaimed.size > maxUnclaimed && !oldest.done) this.#unclaimed.delete(oldest.value)
    }
  }
}

/** From `si_code` and `si_status` of waitid(2) on 64-bit Linux (offsets 8 and 24; `si_pid` is at 16). */
function statusOf(code: number, status: number): ExitStatus {
  return code === CLD_EXITED ? { exitCode: status, signal: 0 } : { exitCode: 128 + status, signal: status }
}

/** The signal name of a number, or undefined. */
export function signalName(signal: number): NodeJS.Signals | undefined {
  for (const [name, number] of Object.entries(constants.signals)) if (number === signal) return name as NodeJS.Signals
  return undefined
}
