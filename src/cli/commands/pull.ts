import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addCredentialOptions, authOf, type CredentialOptions } from '../credentials.ts'
import { parseDuration } from '../format/duration.ts'
import { keyValue } from '../options.ts'
import { readSandboxConfig } from '../proto-file.ts'

interface Options extends CredentialOptions {
  readonly podConfig?: string
  readonly annotation?: Record<string, string>
  readonly pullTimeout?: string
}

export function addPull(program: Command, cli: Cli): void {
  addCredentialOptions(program.command('pull <image>').description('pull an image from its registry'))
    .option('--pod-config <file>', 'the sandbox config of the pod for which to pull')
    .option('-a, --annotation <key=value>', 'annotation of the request; may be repeated', keyValue)
    .option('--pull-timeout <duration>', 'give up after this long')
    .action(async (name: string, options: Options) => {
      const auth = authOf(options)
      const { imageRef } = await cli.cri.image.pullImage(
        {
          image: { image: name, ...(options.annotation && { annotations: options.annotation }) },
          ...(auth && { auth }),
          ...(options.podConfig !== undefined && { sandboxConfig: readSandboxConfig(options.podConfig) }),
        },
        { ...cli.work, ...(options.pullTimeout !== undefined && { timeout: parseDuration(options.pullTimeout) }) },
      )
      cli.print(`Image is up to date for ${imageRef}`)
    })
}
