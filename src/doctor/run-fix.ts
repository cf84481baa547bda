import { operationFailed } from '../lib/errors.ts'
import type { Machine } from './machine.ts'

/** Runs a command that mends something. Throws with its words when it fails. */
export async function runFix(machine: Machine, file: string, ...args: string[]): Promise<void> {
  const { exitCode, stderr, stdout } = await machine.run(file, ...args)
  if (exitCode === 0) return
  const said = (stderr || stdout).trim()
  throw operationFailed(`${[file, ...args].join(' ')} ended with ${exitCode}${said && `: ${said}`}`)
}
