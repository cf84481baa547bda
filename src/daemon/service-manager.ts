import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { sendDatagram } from '../linux/datagram.ts'

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
    const everyMs = this.#watchdogMs / 3
    const round = async () => {
      try {
        await check(AbortSignal.timeout(everyMs))
        this.#say('WATCHDOG=1')
      } catch (error) {
        this.#log.error(
          { error: messageOf(error) },
          'the API does not answer; the service manager is not told that all is well',
        )
      }
      this.#watchdog = setTimeout(round, everyMs).unref()
    }
    void round()
  }

  /** berthd ends; its pods run on. */
  stopping(): void {
    this.#say('STOPPING=1\nSTATUS=finishing the calls under way; pods run on')
  }

  [Symbol.dispose](): void {
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
