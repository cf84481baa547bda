import { setTimeout as sleep } from 'node:timers/promises'
import type { Options } from '../options.ts'
import type { Endpoint } from './endpoint.ts'
import type { Measurements } from './measurements.ts'

/** What a case works with. */
export interface Bench {
  readonly options: Options
  readonly endpoints: readonly Endpoint[]
  readonly measurements: Measurements
  /** A folder on this machine for the logs of pods and the like; deleted at the end. */
  readonly folder: string
  /** Tells whoever watches how far it is. */
  progress(text: string): void
  /** Something a reader of the results must know. */
  note(text: string): void
}

/** A case is named by its `--only` word. */
export interface Case {
  readonly name: string
  /** Why it cannot be run with these options, or undefined when it can. */
  readonly lacks?: (options: Options) => string | undefined
  readonly run: (bench: Bench) => Promise<void>
}

/**
 * What one turn leaves to be done is not to weigh on the next: by the kernel, which takes namespaces and veths down in the
 * background, or by the runtime (Berth attaches a network for the next pod). Milliseconds.
 */
export const pauseBetweenTurns = 500

/** Runs the same for each endpoint in turn, `rounds` times: A B C A B C. */
export async function interleaved(
  bench: Bench,
  what: string,
  rounds: number,
  turn: (endpoint: Endpoint, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    bench.progress(`${what}: round ${round + 1} of ${rounds}`)
    for (const endpoint of bench.endpoints) {
      await turn(endpoint, round)
      await sleep(pauseBetweenTurns)
    }
  }
}
