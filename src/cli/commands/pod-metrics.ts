import type { Command } from 'commander'
import { ListMetricDescriptorsResponseSchema, ListPodSandboxMetricsResponseSchema } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { formatData, messageJson } from '../format/json.ts'
import { outputOption } from '../options.ts'

/** What the kubelet serves at /metrics/cadvisor. */
export function addPodMetrics(program: Command, cli: Cli): void {
  program
    .command('metricsp')
    .description('show the metrics of pods and their containers')
    .addOption(outputOption('json', 'yaml'))
    .action(async ({ output }: { output: string }) => {
      const answer = await cli.cri.runtime.listPodSandboxMetrics({}, cli.ask)
      cli.terminal.stdout.write(formatData(messageJson(ListPodSandboxMetricsResponseSchema, answer), output))
    })
}

export function addMetricDescriptors(program: Command, cli: Cli): void {
  program
    .command('metricdescs')
    .description('show which metrics there are')
    .addOption(outputOption('json', 'yaml'))
    .action(async ({ output }: { output: string }) => {
      const answer = await cli.cri.runtime.listMetricDescriptors({}, cli.ask)
      cli.terminal.stdout.write(formatData(messageJson(ListMetricDescriptorsResponseSchema, answer), output))
    })
}
