import type { Command } from 'commander'
import { invalidArgument } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { wholeNumber } from '../options.ts'
import { parseUnits } from '../../manifest/quantity.ts'
import { resolveContainer } from '../resolve.ts'

interface Options {
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  readonly cpuShare?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  /** Bytes. */
  readonly memory?: bigint
}

export function addUpdate(program: Command, cli: Cli): void {
  program
    .command('update <container...>')
    .description('change the limits of containers')
    .option('--cpu-period <microseconds>', 'the period that --cpu-quota is about', wholeNumber)
    .option('--cpu-quota <microseconds>', 'CPU time in each period', wholeNumber)
    .option('--cpu-share <shares>', 'share of the CPU when it is scarce, 1024 being the usual', wholeNumber)
    .option('--cpuset-cpus <list>', 'the CPUs that it may use: 0-2,7')
    .option('--cpuset-mems <list>', 'the memory nodes that it may use')
    .option('--memory <bytes>', 'limit of its memory: 67108864, 64Mi, 1G', (text) => parseUnits(text, '--memory'))
    .action(async (queries: string[], options: Options) => {
      const { cpuPeriod, cpuQuota, cpuShare, cpusetCpus, cpusetMems, memory } = options
      const linux = {
        ...(cpuPeriod !== undefined && { cpuPeriod: BigInt(cpuPeriod) }),
        ...(cpuQuota !== undefined && { cpuQuota: BigInt(cpuQuota) }),
        ...(cpuShare !== undefined && { cpuShares: BigInt(cpuShare) }),
        ...(cpusetCpus !== undefined && { cpusetCpus }),
        ...(cpusetMems !== undefined && { cpusetMems }),
        ...(memory !== undefined && { memoryLimitInBytes: memory }),
      }
      if (Object.keys(linux).length === 0) throw invalidArgument('say what is to change: berth update --help')
      await forEach(cli, queries, async (query) => {
        const containerId = await resolveContainer(cli, query)
        await cli.cri.runtime.updateContainerResources({ containerId, linux }, cli.work)
        cli.print(containerId)
      })
    })
}
