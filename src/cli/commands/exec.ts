import type { Command } from 'commander'
import { invalidArgument } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { addContainerOption, type ContainerOption, withContainer } from '../container-option.ts'
import { parseDuration } from '../format/duration.ts'
import { cannotRun } from '../program-missing.ts'
import { resolveContainer } from '../resolve.ts'
import type { TlsFiles } from '../../client/streaming/tls-files.ts'
import { addTlsOptions } from '../streaming/tls-options.ts'

interface Options extends TlsFiles, ContainerOption {
  readonly sync?: true
  /** Milliseconds. */
  readonly timeout: number
  readonly interactive?: true
  readonly tty?: true
}

export function addExec(program: Command, cli: Cli): void {
  const command = program
    .command('exec <container> <command...>')
    .description('run a command in a running container; its exit code becomes that of berth')
    .option('-i, --interactive', 'pass stdin to the command')
    .option('-t, --tty', 'run the command on a terminal')
    .option('-s, --sync', 'show the output when the command has ended, 16 MiB of it')
    .option(
      '--timeout <duration>',
      'kill the command after this long: 30s, 5m (0 for never, in whole seconds); implies --sync',
      parseDuration,
      0,
    )
    // What follows the container is the command's own, also what looks like an option.
    .passThroughOptions()
  addTlsOptions(addContainerOption(command)).action(async (query: string, words: string[], options: Options) => {
    const { cmd, container } = asKubectl(words, options)
    if (cmd.length === 0) throw invalidArgument('say which command to run')
    const stdin = options.interactive === true
    const tty = options.tty === true && canHaveTerminal(stdin)
    const sync = options.sync || options.timeout > 0
    if (sync && (stdin || tty)) throw invalidArgument('--sync and --timeout go with neither -i nor -t')
    const containerId = await resolveContainer(cli, withContainer(query, container), { podWillDo: true })
    try {
      if (sync) await execSync(containerId, cmd, Math.ceil(options.timeout / 1000))
      else await execStreaming({ containerId, cmd, stdin, tty }, options)
    } catch (error) {
      const trouble = cannotRun(error, cmd[0] ?? '')
      if (trouble === undefined) throw error
      cli.note(trouble.message)
      cli.exitCode = trouble.exitCode
    }
  })

  async function execStreaming(
    { containerId, cmd, stdin, tty }: { containerId: string; cmd: string[]; stdin: boolean; tty: boolean },
    tls: TlsFiles,
  ): Promise<void> {
    const request = { containerId, cmd, stdin, tty, stdout: true, stderr: !tty }
    const { url } = await cli.cri.runtime.exec(request, cli.ask)
    // Loaded when it is needed: most commands stream nothing.
    const { runRemoteCommand } = await import('../streaming/remote-command.ts')
    const input = stdin ? cli.terminal.stdin : undefined
    cli.exitCode = await runRemoteCommand(cli, {
      url,
      tty,
      detachable: false,
      tls,
      ...(input && { stdin: input }),
    })
  }

  /** A terminal in the container whose input ends, as that of a pipe or file does, would wait forever for more. */
  function canHaveTerminal(stdin: boolean): boolean {
    const { stdin: input } = cli.terminal
    if (!stdin || (input && 'isTTY' in input && input.isTTY === true)) return true
    cli.note('stdin is no terminal, so -t is left out')
    return false
  }

  async function execSync(containerId: string, cmd: string[], timeout: number): Promise<void> {
    const answer = await cli.cri.runtime.execSync({ containerId, cmd, timeout: BigInt(timeout) }, cli.work)
    cli.terminal.stdout.write(answer.stdout)
    cli.terminal.stderr.write(answer.stderr)
    cli.exitCode = answer.exitCode
  }
}

/** As kubectl is written, too: exec POD -- COMMAND, and exec POD -c CONTAINER -- COMMAND. */
function asKubectl(words: string[], options: ContainerOption): { cmd: string[]; container: ContainerOption } {
  const [first = '', second, third] = words
  if (first === '--') return { cmd: words.slice(1), container: options }
  if ((first === '-c' || first === '--container') && second !== undefined && third === '--')
    return { cmd: words.slice(3), container: { container: second } }
  if (first.startsWith('-')) throw invalidArgument(`${first} goes before the container: berth exec ${first} …`)
  return { cmd: words, container: options }
}
