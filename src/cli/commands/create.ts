import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { pullFor } from '../create-container.ts'
import { addCredentialOptions, type CredentialOptions } from '../credentials.ts'
import { readContainerConfig, readSandboxConfig } from '../proto-file.ts'
import { resolvePod } from '../resolve.ts'

interface Options extends CredentialOptions {
  readonly withPull?: true
}

export function addCreate(program: Command, cli: Cli): void {
  const command = program
    .command('create <pod> <container-config> <pod-config>')
    .description("create a container in a pod from its config and the pod's, JSON or YAML files")
    .option('--with-pull', 'pull the image first')
    .option('--no-pull', 'do not pull the image (what happens anyway)')
  addCredentialOptions(command).action(
    async (pod: string, containerPath: string, podPath: string, options: Options) => {
      const config = readContainerConfig(containerPath)
      const sandboxConfig = readSandboxConfig(podPath)
      const podSandboxId = await resolvePod(cli, pod)
      if (options.withPull) await pullFor(cli, config, sandboxConfig, options)
      const { containerId } = await cli.cri.runtime.createContainer({ podSandboxId, config, sandboxConfig }, cli.work)
      cli.print(containerId)
    },
  )
}
