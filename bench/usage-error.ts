/** The command line was wrong; the message says how. */
export class CliUsageError extends Error {
  override readonly name = 'CliUsageError'
}
