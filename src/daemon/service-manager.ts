import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { afterSilence } from '../lib/silence.ts'
import { sendDatagram } from '../linux/datagram.ts'

/** After how long, at the latest, an API that has not answered is asked again, in milliseconds: it may still be told in time. */
const soonMs = 500

/** Says `text` to the service manager: lines of `NAME=value` (sd_notify(3)). */
type Notify = (text: string) => void

/**
 * The service manager's end: readiness, and the watchdog, for a unit with `Type=notify` and `WatchdogSec=`. Without a service
 * manager (no NOTIFY_SOCKET) nothing is said.
 */
export class ServiceManager implements Disposable {
  readonly #notify: Notify | undefined
  readonly #log: Logger
  /** How often the manager wants to hear that all is well, in milliseconds. */
  readonly #watchdogMs: number | undefined
  #watchdog: NodeJS.Timeout | undefined
  #isClosed = false

  /** Takes what it needs out of the environment: no child is to speak in berthd's name. */
  static of(environment: NodeJS.ProcessEnv, log: Logger): ServiceManager {
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid } = environment
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
    const isMeant = pid === undefined || Number(pid) === process.pid
    const watchdogMs = isMeant && Number(microseconds) > 0 ? Number(microseconds) / 1000 : undefined
    return new ServiceManager(socket ? (text) => sendDatagram(socket, text) : undefined, log, watchdogMs)
  }

  constructor(notify: Notify | undefined, log: Logger, watchdogMs?: number) {
    this.#notify = notify
    this.#log = log
    this.#watchdogMs = watchdogMs
  }

  /**
   * The API is served. From now on `check` is asked thrice in the time that the manager waits: it resolves when the API itself
   * answers. As long as it does not, the manager hears nothing, and restarts berthd in the end.
   */
  ready(check: (signal: AbortSignal) => Promise<void>): void {
    this.#say('READY=1\nSTATUS=serving CRI')
    if (this.#watchdogMs === undefined || !this.#notify) return
    const everyMs = Math.floor(this.#watchdogMs / 3)
    const round = async () => {
      const answers = await this.#answers(check, everyMs)
      if (this.#isClosed) return
      if (answers) this.#say('WATCHDOG=1')
      this.#watchdog = setTimeout(round, answers ? everyMs : Math.min(everyMs, soonMs)).unref()
    }
    void round()
  }

  async #answers(check: (signal: AbortSignal) => Promise<void>, patienceMs: number): Promise<boolean> {
    const late = new AbortController()
    using _ = afterSilence(patienceMs, () => late.abort(new Error(`no answer within ${patienceMs} ms`)))
    try {
      await check(late.signal)
      return true
    } catch (error) {
      const problem = 'the API does not answer; the service manager is not told that all is well'
      if (!this.#isClosed) this.#log.error({ error: messageOf(error) }, problem)
      return false
    }
  }

  /** berthd ends; its pods run on. */
  stopping(): void {
    this.#say('STOPPING=1\nSTATUS=finishing the calls under way; pods run on')
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    clearTimeout(this.#watchdog)
    this.#watchdog = undefined
  }

  #say(text: string): void {
    try {
      this.#notify?.(text)
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'the service manager cannot be told')
    }
  }
}
