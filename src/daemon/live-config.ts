import { messageOf } from '../lib/errors.ts'
import { KeyedQueue } from '../lib/keyed-queue.ts'
import type { Logger } from '../lib/log.ts'
import type { Config } from '../config/config.ts'
import { planReload } from '../config/reload.ts'

/**
 * Gets ready for another configuration without any effect; throws when something in it is of no use. The answer puts it in
 * force, and cannot fail.
 */
export type Prepare = (next: Config) => (() => void) | Promise<() => void>

/** What became of the last reading of the configuration, for the verbose Status. */
export interface ConfigReading {
  /** Undefined: there is no file. */
  readonly file?: string
  /** When what is in force was read, in milliseconds since the epoch. */
  readonly readAt: number
  /** Keys that the file has otherwise than what is in force, until a restart. */
  readonly needsRestart: readonly string[]
  /** Why the file as it is now was refused as a whole. */
  readonly error?: string
}

/** The configuration in force, which may become another one while berthd runs. */
export class LiveConfig {
  readonly #read: () => Config
  readonly #file: () => string | undefined
  readonly #log: Logger
  readonly #rooms: Prepare[] = []
  readonly #queue = new KeyedQueue()
  #current: Config
  #reading: ConfigReading

  /**
   * @param read reads the file and checks it; throws when it is not valid.
   * @param first what it has answered already.
   * @param file the file that it reads, if there is one
   */
  constructor(
    read: () => Config,
    { first, file, log }: { readonly first: Config; readonly file: () => string | undefined; readonly log: Logger },
  ) {
    this.#read = read
    this.#file = file
    this.#log = log
    this.#current = first
    this.#reading = this.#readNow([])
  }

  get current(): Config {
    return this.#current
  }

  get reading(): ConfigReading {
    return this.#reading
  }

  /**
   * A room that takes over changes by itself, and not by looking at {@link current} whenever it needs to know. They get ready in
   * the order in which they came.
   */
  follow(prepare: Prepare): void {
    this.#rooms.push(prepare)
  }

  /**
   * Reads the file again. All that it changes is in force when this resolves, or nothing is: then it throws, and
   * {@link reading} says why. `cause` is for the log.
   */
  reload(cause: string): Promise<ConfigReading> {
    return this.#queue.run('', () => this.#reload(cause))
  }

  async #reload(cause: string): Promise<ConfigReading> {
    try {
      const { config, changed, needsRestart } = planReload(this.#current, this.#read())
      const enact: (() => void)[] = []
      for (const prepare of this.#rooms) enact.push(await prepare(config))
      this.#current = config
      for (const each of enact) each()
      this.#reading = this.#readNow(needsRestart)
      const { file } = this.#reading
      this.#log.info({ cause, file, changed }, 'the configuration was read again')
      if (needsRestart.length > 0) {
        this.#log.warn(
          { file, keys: needsRestart },
          'a part of the configuration counts after a restart of berthd only',
        )
      }
    } catch (error) {
      this.#reading = { ...this.#reading, error: messageOf(error) }
      this.#log.error({ cause, error: messageOf(error) }, 'the configuration is refused; what was in force stays so')
      throw error
    }
    return this.#reading
  }

  #readNow(needsRestart: readonly string[]): ConfigReading {
    const file = this.#file()
    return { ...(file !== undefined && { file }), readAt: Date.now(), needsRestart }
  }
}
