import type { Command } from 'commander'
import { BerthError } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { wholeNumber } from '../options.ts'
import { resolveContainer } from '../resolve.ts'

interface Options {
  readonly sync?: true
  readonly timeout: number
  readonly interactive?: true
  readonly tty?: true
}

export function addExec(program: Command, cli: Cli): void {
  program
    .command('exec <container> <command...>')
    .description('run a command in a running container; its exit code becomes that of berth')
    .option('-s, --sync', 'show the output when the command has ended (what happens anyway, for now)')
    .option('--timeout <seconds>', 'kill the command after so many seconds (0 for never)', wholeNumber, 0)
    .option('-i, --interactive', 'pass stdin to the command (not available yet)')
    .option('-t, --tty', 'run the command on a terminal (not available yet)')
    // What follows the container is the command's own, also what looks like an option.
    .passThroughOptions()
    .action(async (query: string, cmd: string[], options: Options) => {
      if (options.interactive || options.tty) {
        throw new BerthError(
          'unimplemented',
          'exec with -i or -t is not available yet; without them the command runs with no stdin and no terminal',
        )
      }
      const containerId = await resolveContainer(cli, query)
      const request = { containerId, cmd, timeout: BigInt(options.timeout) }
      const { stdout, stderr, exitCode } = await cli.cri.runtime.execSync(request, cli.work)
      cli.terminal.stdout.write(stdout)
      cli.terminal.stderr.write(stderr)
      cli.exitCode = exitCode
    })
}
