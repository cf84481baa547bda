import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { repository } from './berthd.ts'

export interface CliResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the CLI from the source against a CRI socket and answers how it ended, whatever that was. */
export function tryBerth(endpoint: string, args: readonly string[], timeoutMs = 60_000): Promise<CliResult> {
  const { promise, resolve } = Promise.withResolvers<CliResult>()
  const command = [join(repository, 'src/cli/main.ts'), '--runtime-endpoint', endpoint, ...args]
  const options = { cwd: repository, timeout: timeoutMs, maxBuffer: 64 << 20 }
  execFile(process.execPath, command, options, (error, stdout, stderr) => {
    const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 255
    resolve({ exitCode, stdout, stderr })
  })
  return promise
}

/** Runs the CLI and answers its output; throws with what it said when it fails. */
export async function berth(endpoint: string, args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await tryBerth(endpoint, args)
  if (exitCode !== 0) throw new Error(`berth ${args.join(' ')} ended with ${exitCode}:\n${stdout}${stderr}`)
  return stdout
}
