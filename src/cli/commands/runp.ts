import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { readSandboxConfig } from '../proto-file.ts'

export function addRunPod(program: Command, cli: Cli): void {
  program
    .command('runp <pod-config>')
    .description('run a pod sandbox from its config, a JSON or YAML file')
    .option('-r, --runtime <handler>', 'runtime handler to use', '')
    .action(async (path: string, { runtime }: { runtime: string }) => {
      const config = readSandboxConfig(path)
      const { podSandboxId } = await cli.cri.runtime.runPodSandbox({ config, runtimeHandler: runtime }, cli.work)
      cli.print(podSandboxId)
    })
}
