import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { now } from '../../client/testing/fake-runtime.ts'
import { runCli } from '../program.ts'

/** What a run of `berth` gave. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `berth` in this process against an endpoint. */
export async function berth(endpoint: string, args: readonly string[], signal?: AbortSignal): Promise<Outcome> {
  const stdout = new PassThrough({ highWaterMark: 2 ** 26 })
  const stderr = new PassThrough({ highWaterMark: 2 ** 26 })
  const code = await runCli(args, {
    stdout,
    stderr,
    env: { CONTAINER_RUNTIME_ENDPOINT: endpoint },
    now: () => now,
    signal: signal ?? new AbortController().signal,
  })
  stdout.end()
  stderr.end()
  return { code, stdout: String(await buffer(stdout)), stderr: String(await buffer(stderr)) }
}
