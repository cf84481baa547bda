import { BerthError, operationFailed } from '../../lib/errors.ts'

interface Status {
  readonly status?: string
  readonly message?: string
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] }
}

/**
 * The exit code of a remote command out of what came on its error channel: a Kubernetes Status as JSON, or plain text from a
 * server of the old protocols. Throws what went wrong when the command could not be run.
 */
export function exitCodeOf(text: string): number {
  if (text === '') throw new BerthError('unavailable', 'the connection ended before the command did')
  const status = parse(text)
  if (status?.status === 'Success') return 0
  const exitCode = status?.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
  if (exitCode !== undefined && /^\d+$/.test(exitCode)) return Number(exitCode)
  throw operationFailed(status?.message ?? text)
}

function parse(text: string): Status | undefined {
  try {
    return JSON.parse(text) as Status
  } catch {
    return undefined
  }
}
