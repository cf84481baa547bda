import type { Writable } from 'node:stream'
import { followAdmin } from '../admin.ts'
import { renderBars } from './bars.ts'
import { describeChanges } from './changes.ts'
import type { Pull } from './pull.ts'

/**
 * Shows a pull of `image`, as the user names it, on `output` until the signal aborts: bars that are redrawn on a terminal, else a
 * line for each change. Progress is a service: where it cannot be had, nothing is shown and nothing fails.
 */
export async function showPull(socket: string, image: string, output: Writable, signal: AbortSignal): Promise<void> {
  const terminal = output as Writable & { readonly isTTY?: boolean; readonly columns?: number }
  let drawn = 0
  let before: Pull | undefined
  try {
    const path = `/v1/pulls/follow?image=${encodeURIComponent(image)}`
    for await (const answer of followAdmin(socket, path, signal)) {
      const pull = (answer as { pulls: Pull[] }).pulls[0]
      if (!pull) continue
      if (terminal.isTTY) {
        const lines = renderBars(pull, terminal.columns ?? 80)
        // Up to the first line, each line cleared to its end, and what is below it.
        output.write(
          `${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`,
        )
        drawn = lines.length
      } else {
        for (const line of describeChanges(before, pull)) output.write(`${line}\n`)
      }
      before = pull
    }
  } catch {
    // No progress, then.
  } finally {
    if (drawn > 0) output.write(`\u001b[${drawn}A\u001b[J`)
  }
}
