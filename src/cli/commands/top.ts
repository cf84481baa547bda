import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import type { Cli } from '../cli.ts'
import { isTerminal } from '../format/colour.ts'
import { parseDuration } from '../format/duration.ts'
import { describeSize } from '../format/size.ts'
import { Keys, LiveScreen } from '../live-screen.ts'
import { Sampler } from '../stats/sampler.ts'
import type { Usage } from '../stats/usage.ts'
import { containerRows, isRunning, podRows, type SortKey, sortUsages } from '../stats/usage-table.ts'

interface Options {
  readonly sort: SortKey
  readonly interval: string
  readonly once?: true
}

type What = 'containers' | 'pods'

const keys = 'keys: c by CPU, m by memory, n by name, p pods or containers, q quit'

export function addTop(program: Command, cli: Cli): void {
  program
    .command('top')
    .argument('[what]', '"containers" or "pods"', 'containers')
    .description('show what takes most of this node, live on a terminal')
    .addOption(new Option('--sort <key>', 'what the order is by').choices(['cpu', 'memory', 'name']).default('cpu'))
    .option('-i, --interval <duration>', 'time between two looks', '2s')
    .option('-1, --once', 'show it once, as where there is no terminal')
    .addHelpText('after', `\n${keys}`)
    .action(async (what: string, options: Options) => {
      const state = { what: what.startsWith('pod') ? ('pods' as What) : 'containers', sort: options.sort }
      const pauseMs = Math.max(500, parseDuration(options.interval))
      const sampler = new Sampler(cli)
      const look = async () => {
        const { usages } = state.what === 'pods' ? await sampler.pods() : await sampler.containers()
        return sortUsages(usages.filter(isRunning), state.sort)
      }
      const rowsOf = (usages: readonly Usage[]) => (state.what === 'pods' ? podRows(usages) : containerRows(usages))
      await look()
      if (options.once || !isTerminal(cli.terminal.stdout)) {
        await delay(Math.min(pauseMs, 1000), undefined, { signal: cli.terminal.signal })
        return cli.printTable(rowsOf(await look()))
      }
      await live(cli, pauseMs, state, async () => {
        const usages = await look()
        const cpu = usages.reduce((sum, usage) => sum + (usage.cpu ?? 0), 0)
        const memory = usages.reduce((sum, usage) => sum + usage.memory, 0)
        const heading = `${state.what}: ${usages.length}, ${cpu.toFixed(0)} % of a CPU, ${describeSize(memory)}   (${keys})`
        return `${heading}\n\n${cli.table(rowsOf(usages))}`
      })
    })
}

/** Draws until the user quits. */
async function live(
  cli: Cli,
  pauseMs: number,
  state: { what: What; sort: SortKey },
  drawing: () => Promise<string>,
): Promise<void> {
  const quit = new AbortController()
  let pressed = Promise.withResolvers<void>()
  const onKey = (key: string) => {
    if (key === 'q' || key === '\x03') quit.abort()
    if (key === 'c') state.sort = 'cpu'
    if (key === 'm') state.sort = 'memory'
    if (key === 'n') state.sort = 'name'
    if (key === 'p') state.what = state.what === 'pods' ? 'containers' : 'pods'
    pressed.resolve()
  }
  const signal = AbortSignal.any([quit.signal, cli.terminal.signal])
  using screen = new LiveScreen(cli.terminal)
  using _keys = new Keys(cli.terminal.stdin, onKey)
  while (!signal.aborted) {
    screen.draw(await drawing())
    pressed = Promise.withResolvers()
    await Promise.race([pressed.promise, delay(pauseMs, undefined, { signal }).catch(() => {})])
  }
}
