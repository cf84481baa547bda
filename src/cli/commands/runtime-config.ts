import type { Command } from 'commander'
import { CgroupDriver } from '../../client/index.ts'
import type { Cli } from '../cli.ts'

export function addRuntimeConfig(program: Command, cli: Cli): void {
  program
    .command('runtime-config')
    .description('show the cgroup driver of the runtime')
    .action(async () => {
      const { linux } = await cli.cri.runtime.runtimeConfig({}, cli.ask)
      cli.print(`cgroup driver:   ${linux?.cgroupDriver === CgroupDriver.CGROUPFS ? 'CGROUPFS' : 'SYSTEMD'}`)
    })
}
