import type { CommandOutcome } from '../session.ts'

/**
 * What goes onto the error stream for an outcome. From v4 of the protocol on, a metav1.Status in JSON as kubectl decodes it
 * (client-go, tools/remotecommand/v4.go): the exit code is in the cause of type ExitCode and must fit in 8 bits. Before,
 * the text of the error, and nothing for success.
 */
export function statusOf(outcome: CommandOutcome, json: boolean): string {
  if (!json) return textOf(outcome)
  if (outcome.type === 'failed') {
    return JSON.stringify({
      metadata: {},
      status: 'Failure',
      message: textOf(outcome),
      reason: 'InternalError',
      details: { causes: [{ message: outcome.message }] },
      code: 500,
    })
  }
  if (outcome.exitCode === 0) return JSON.stringify({ metadata: {}, status: 'Success' })
  return JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: textOf(outcome),
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCodeOf(outcome.exitCode)) }] },
  })
}

function textOf(outcome: CommandOutcome): string {
  if (outcome.type === 'failed') return `Internal error occurred: ${outcome.message}`
  if (outcome.exitCode === 0) return ''
  return `command terminated with non-zero exit code: ${exitCodeOf(outcome.exitCode)}`
}

function exitCodeOf(code: number): number {
  return Number.isInteger(code) && code >= 0 && code <= 255 ? code : 255
}
