import { setTimeout as delay } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import { ListContainerStatsResponseSchema, ListPodSandboxStatsResponseSchema } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { formatData, messageJson } from '../format/json.ts'
import { LiveScreen } from '../live-screen.ts'
import { keyValue, outputOption, wholeNumber } from '../options.ts'
import { resolveContainer, resolvePod } from '../resolve.ts'
import { Sampler } from '../stats/sampler.ts'
import { containerRows, isRunning, podRows, sortUsages } from '../stats/usage-table.ts'

interface Options {
  readonly id?: string
  readonly pod?: string
  readonly all?: true
  readonly label?: Record<string, string>
  readonly seconds: number
  readonly watch?: true
  readonly trunc: boolean
  readonly output: string
}

export function addStats(program: Command, cli: Cli): void {
  addStatsOptions(program.command('stats [container]').description('show what running containers take'))
    .option('-p, --pod <pod>', 'only the containers of this pod')
    .option('-a, --all', 'those that do not run, too')
    .action(async (query: string | undefined, options: Options) => {
      const name = query ?? options.id
      const sampler = new Sampler(cli, {
        ...(name !== undefined && { id: await resolveContainer(cli, name, { podWillDo: true }) }),
        ...(options.pod !== undefined && { podSandboxId: await resolvePod(cli, options.pod) }),
        ...(options.label && { labels: options.label }),
      })
      await show(cli, options, async () => {
        const { usages, stats } = await sampler.containers()
        const shown = options.all || name !== undefined ? usages : usages.filter(isRunning)
        const rows = containerRows(sortUsages(shown, 'name'), options)
        return {
          rows,
          data: () =>
            messageJson(ListContainerStatsResponseSchema, create(ListContainerStatsResponseSchema, { stats })),
        }
      })
    })
}

export function addPodStats(program: Command, cli: Cli): void {
  addStatsOptions(program.command('statsp [pod]').description('show what running pods take')).action(
    async (query: string | undefined, options: Options) => {
      const name = query ?? options.id
      const sampler = new Sampler(cli, {
        ...(name !== undefined && { id: await resolvePod(cli, name) }),
        ...(options.label && { labels: options.label }),
      })
      await show(cli, options, async () => {
        const { usages, stats } = await sampler.pods()
        const rows = podRows(sortUsages(usages, 'name'), options)
        return {
          rows,
          data: () =>
            messageJson(ListPodSandboxStatsResponseSchema, create(ListPodSandboxStatsResponseSchema, { stats })),
        }
      })
    },
  )
}

function addStatsOptions(command: Command): Command {
  return command
    .option('--id <id>', 'the same as the argument')
    .option('-l, --label <key=value>', 'only those with this label; may be repeated', keyValue)
    .option('-s, --seconds <count>', 'how long CPU use is measured, in seconds', wholeNumber, 1)
    .option('-w, --watch', 'go on until Ctrl-C')
    .option('--no-trunc', 'show whole ids')
    .addOption(outputOption('table', 'json', 'yaml'))
}

interface Sample {
  readonly rows: readonly (readonly string[])[]
  readonly data: () => ReturnType<typeof messageJson>
}

async function show(cli: Cli, options: Options, take: () => Promise<Sample>): Promise<void> {
  const { signal, stdout } = cli.terminal
  const first = await take()
  if (options.output !== 'table') return void stdout.write(formatData(first.data(), options.output))
  const pause = () => delay(Math.max(options.watch ? 1 : 0, options.seconds) * 1000, undefined, { signal })
  if (!options.watch) {
    await pause()
    return cli.printTable((await take()).rows, { whole: !options.trunc })
  }
  using screen = new LiveScreen(cli.terminal)
  for (;;) {
    await pause()
    screen.draw(cli.table((await take()).rows, { whole: !options.trunc }))
  }
}
