import type { Cli } from './cli.ts'

/** Runs `task` for each, in order; what fails is reported, and the others still have their turn. */
export async function forEach(cli: Cli, queries: readonly string[], task: (query: string) => Promise<void>) {
  for (const query of queries) {
    try {
      await task(query)
    } catch (error) {
      if (cli.terminal.signal.aborted) throw error
      cli.fail(error)
    }
  }
}
