import { faultPoint } from '../lib/fault-point.ts'
import { containerCommand } from './container-command.ts'
import type { PodParts } from './parts.ts'

/** A timer of Node cannot wait longer (24 days): it would fire at once. */
const maxTimeoutMs = 0x7fffffff

export interface ExecOutcome {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

/**
 * Runs a command in a running container to its end.
 *
 * @param timeoutSeconds 0 for none; deadline-exceeded when the command takes longer, and it is killed
 */
export async function execSync(
  parts: PodParts,
  id: string,
  command: readonly string[],
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<ExecOutcome> {
  const { shim, start } = await containerCommand(parts, id, command, false)
  faultPoint('exec-sync:asked')
  const timeoutMs = Math.min(Math.max(0, timeoutSeconds) * 1000, maxTimeoutMs)
  const result = await shim.request('execSync', { ...start, timeoutMs }, signal)
  return {
    exitCode: result.exitCode,
    stdout: Buffer.from(result.stdout, 'base64'),
    stderr: Buffer.from(result.stderr, 'base64'),
  }
}
