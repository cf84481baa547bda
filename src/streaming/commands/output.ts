import type { ProcessStreams } from '../../pod/exec.ts'
import type { RemoteCommandSession, TerminalSize } from '../session.ts'
import { Pump } from './pump.ts'

/** What a process writes, on its way to a client. */
export class OutputPumps {
  readonly #pumps: Pump[] = []
  readonly #session: RemoteCommandSession

  constructor(process: ProcessStreams, session: RemoteCommandSession) {
    this.#session = session
    for (const name of ['stdout', 'stderr'] as const) {
      const from = process[name]
      const to = session[name]
      if (from && to) this.#pumps.push(new Pump(from, to))
      else if (from) from.on('error', ignore).resume()
    }
  }

  /** Resolves when everything has been passed on; never rejects. */
  get done(): Promise<unknown> {
    return Promise.all(this.#pumps.map(({ done }) => done))
  }

  /** See {@link Pump.endWhenQuiet}. */
  endWhenQuiet(quietMs: number): void {
    for (const pump of this.#pumps) pump.endWhenQuiet(quietMs)
  }

  /** Tells the client that there is no more. */
  end(): void {
    for (const stream of [this.#session.stdout, this.#session.stderr]) if (stream?.writable) stream.end()
  }
}

/** Gives a terminal the sizes of the client's. Ends with the session; a terminal that is gone takes none, which is no error. */
export async function followResizes(
  sizes: AsyncIterable<TerminalSize>,
  resize: (size: TerminalSize) => void,
): Promise<void> {
  try {
    for await (const size of sizes) resize(size)
  } catch {
    // The client's connection broke, which shows elsewhere, or the terminal has hung up.
  }
}

/** Resolves when the client has gone. */
export function gone(signal: AbortSignal): Promise<'gone'> {
  const { promise, resolve } = Promise.withResolvers<'gone'>()
  if (signal.aborted) resolve('gone')
  signal.addEventListener('abort', () => resolve('gone'), { once: true })
  return promise
}

function ignore(): void {}
