import { invalidArgument } from '../../lib/errors.ts'

/** What the CRI says of exec and attach: a terminal has no stderr of its own, and something must be streamed. */
export function checkStreams(request: {
  readonly tty: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}): void {
  if (request.tty && request.stderr) throw invalidArgument('tty and stderr cannot both be true: a terminal shows both')
  if (!request.stdin && !request.stdout && !request.stderr) {
    throw invalidArgument('one of stdin, stdout and stderr must be true')
  }
}
