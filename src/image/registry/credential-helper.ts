import { existsSync } from 'node:fs'
import { operationFailed } from '../../lib/errors.ts'
import { runCommand } from '../../linux/command.ts'
import type { Reaper } from '../../linux/reaper.ts'
import type { RunHelper } from './auth-file.ts'

const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
/** A helper may ask a cloud's service, but not for ever. Milliseconds. */
const patience = 30_000

/** Runs credential helpers (docker-credential-helpers: `get` reads the server from stdin). */
export function helperRunner(reaper: Reaper): RunHelper {
  return async (helper, server) => {
    const file = folders.map((folder) => `${folder}/docker-credential-${helper}`).find((path) => existsSync(path))
    if (!file) throw operationFailed(`docker-credential-${helper} is not installed`)
    const env = { PATH: folders.join(':'), HOME: process.env.HOME ?? '/root' }
    const signal = AbortSignal.timeout(patience)
    const { exitCode, killed, stdout } = await runCommand(reaper, { file, args: ['get'], env, stdin: server, signal })
    if (killed) throw operationFailed(`it did not answer within ${patience / 1000} s`)
    const text = stdout.toString('utf8').trim()
    if (exitCode === 0 || /credentials not found/i.test(text)) return text
    throw operationFailed(`exit code ${exitCode}: ${text.replace(/\p{Cc}/gu, ' ').slice(0, 200)}`)
  }
}
