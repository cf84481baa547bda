import { existsSync } from 'node:fs'
import { operationFailed } from '../../lib/errors.ts'
import { runCommand } from '../../linux/command.ts'
import type { Reaper } from '../../linux/reaper.ts'
import type { RunHelper } from './auth-file.ts'

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** A helper may ask a cloud's service, but not for ever. Milliseconds. */
const patience = 30_000

/** More than this is no answer. Bytes. */
const maxAnswer = 64 * 1024

/**
 * Runs credential helpers (docker-credential-helpers: `get` reads the server from stdin), which are looked for in `path`, that
 * of berthd. `patienceMs` is how long one may take.
 */
export function helperRunner(
  reaper: Reaper,
  { path = process.env.PATH || usualPath, patienceMs = patience } = {},
): RunHelper {
  return async (helper, server) => {
    const folders = path.split(':').filter((folder) => folder.startsWith('/'))
    const file = folders.map((folder) => `${folder}/docker-credential-${helper}`).find((at) => existsSync(at))
    if (!file) throw operationFailed(`docker-credential-${helper} is not installed (PATH is ${path})`)
    const env = { PATH: path, HOME: process.env.HOME ?? '/root' }
    const signal = AbortSignal.timeout(patienceMs)
    const { exitCode, killed, stdout } = await runCommand(reaper, { file, args: ['get'], env, stdin: server, signal })
    if (killed) throw operationFailed(`it did not answer within ${patienceMs / 1000} s`)
    if (stdout.length > maxAnswer) throw operationFailed(`it answered more than ${maxAnswer} bytes`)
    const text = stdout.toString('utf8').trim()
    if (exitCode === 0 || /credentials not found/i.test(text)) return text
    throw operationFailed(`exit code ${exitCode}: ${text.replace(/\p{Cc}/gu, ' ').slice(0, 200)}`)
  }
}
