import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addCredentialOptions, authOf, type CredentialOptions } from '../credentials.ts'
import { parseDuration } from '../format/duration.ts'
import { keyValue } from '../options.ts'
import { readSandboxConfig } from '../proto-file.ts'
import { showPull } from '../pull-progress/show.ts'

interface Options extends CredentialOptions {
  readonly podConfig?: string
  readonly annotation?: Record<string, string>
  readonly pullTimeout?: string
  readonly quiet?: true
}

export function addPull(program: Command, cli: Cli): void {
  addCredentialOptions(program.command('pull <image>').description('pull an image from its registry'))
    .option('--pod-config <file>', 'the sandbox config of the pod for which to pull')
    .option('-a, --annotation <key=value>', 'annotation of the request; may be repeated', keyValue)
    .option('--pull-timeout <duration>', 'give up after this long')
    .option('-q, --quiet', 'do not show how far it is')
    .action(async (name: string, options: Options) => {
      const auth = authOf(options)
      const ended = new AbortController()
      const shown = options.quiet ? undefined : showProgress(cli, name, ended.signal)
      const pulling = cli.cri.image.pullImage(
        {
          image: { image: name, ...(options.annotation && { annotations: options.annotation }) },
          ...(auth && { auth }),
          ...(options.podConfig !== undefined && { sandboxConfig: readSandboxConfig(options.podConfig) }),
        },
        { ...cli.work, ...(options.pullTimeout !== undefined && { timeout: parseDuration(options.pullTimeout) }) },
      )
      const { imageRef } = await pulling.finally(() => {
        ended.abort()
        return shown
      })
      cli.print(`Image is up to date for ${imageRef}`)
    })
}

/** Follows the pull on berthd's admin socket, where there is one; another runtime has no such thing. */
async function showProgress(cli: Cli, name: string, signal: AbortSignal): Promise<void> {
  if (existsSync(cli.adminSocket)) await showPull(cli.adminSocket, name, cli.terminal.stderr, signal)
}
