import { faultPoint } from '../lib/fault-point.ts'
import { execProcess } from '../oci/spec/exec.ts'
import { containerProcess, runningContainer } from './exec.ts'
import { getSandbox } from './lookup.ts'
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
  const container = runningContainer(parts, id)
  const sandbox = getSandbox(parts, container.sandboxId)
  const shim = await parts.shims.get(sandbox.shim)
  faultPoint('exec-sync:asked')
  const result = await shim.request(
    'execSync',
    {
      id: container.id,
      runtime: parts.handlers.of(sandbox).command,
      bundle: parts.layout.container(container.id).bundle,
      process: execProcess(containerProcess(parts, container), command, false),
      timeoutMs: Math.min(Math.max(0, timeoutSeconds) * 1000, maxTimeoutMs),
    },
    signal,
  )
  return {
    exitCode: result.exitCode,
    stdout: Buffer.from(result.stdout, 'base64'),
    stderr: Buffer.from(result.stderr, 'base64'),
  }
}
