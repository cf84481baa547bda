import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addContainerOption, type ContainerOption, withContainer } from '../container-option.ts'
import { resolveContainer } from '../resolve.ts'
import type { TlsFiles } from '../../client/streaming/tls-files.ts'
import { addTlsOptions } from '../streaming/tls-options.ts'

interface Options extends TlsFiles, ContainerOption {
  readonly interactive?: true
  readonly tty?: true
}

export function addAttach(program: Command, cli: Cli): void {
  const command = program
    .command('attach <container>')
    .description('show what a running container writes from now on, and with -i type to it')
    .option('-i, --interactive', 'pass stdin to the container')
    .option('-t, --tty', 'the container has a terminal: pass on every key; Ctrl-P Ctrl-Q detaches')
  addTlsOptions(addContainerOption(command)).action(async (query: string, options: Options) => {
    const { stdin, tty } = { stdin: options.interactive === true, tty: options.tty === true }
    const containerId = await resolveContainer(cli, withContainer(query, options), { podWillDo: true })
    const { url } = await cli.cri.runtime.attach({ containerId, stdin, tty, stdout: true, stderr: !tty }, cli.ask)
    // Loaded when it is needed: most commands stream nothing.
    const { runRemoteCommand } = await import('../streaming/remote-command.ts')
    const input = stdin ? cli.terminal.stdin : undefined
    cli.exitCode = await runRemoteCommand(cli, {
      url,
      tty,
      detachable: true,
      tls: options,
      ...(input && { stdin: input }),
    })
  })
}
