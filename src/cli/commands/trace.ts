import type { Command } from 'commander'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import type { Span } from '../../lib/span.ts'
import { callAdmin } from '../admin.ts'
import { drawAnatomy } from '../anatomy/draw.ts'
import { podAnatomy } from '../anatomy/pod-anatomy.ts'
import type { Cli } from '../cli.ts'
import { columnsOf } from '../format/colour.ts'
import { formatData } from '../format/json.ts'
import { formatWaterfall } from '../format/waterfall.ts'
import { outputOption, wholeNumber } from '../options.ts'
import { resolvePod } from '../resolve.ts'
import { undefinedIfGone } from '../why/pod-facts.ts'

interface Trace {
  readonly sandbox?: string
  readonly container?: string
  readonly root: Span
}

interface TraceOptions {
  readonly on?: true
  readonly off?: true
  readonly last?: number
  readonly output: string
}

export function addTrace(program: Command, cli: Cli): void {
  program
    .command('trace')
    .argument('[pod]', 'id or name of a pod')
    .description('show what a pod is on this node, and where the time of its calls went')
    .option('--on', 'trace the calls from now on; the last 100 are kept')
    .option('--off', 'trace no more')
    .option('--last <count>', 'the last calls, whatever pod they were about', wholeNumber)
    .addOption(outputOption('table', 'json', 'yaml'))
    .addHelpText(
      'after',
      `
Always: the processes of a pod, its namespaces, cgroups and files. The way of calls through berthd, CNI plugins, shim and OCI runtime
with Berth alone: first \`berth trace --on\`, then do what is slow, then \`berth trace POD\`.`,
    )
    .action(async (pod: string | undefined, options: TraceOptions) => {
      if (options.on || options.off) return void (await switchTracing(cli, options.on === true))
      if (pod === undefined && options.last === undefined) {
        throw invalidArgument('trace what? Name a pod, or ask for the last calls: berth trace --last 3')
      }
      const { stdout } = cli.terminal
      if (pod === undefined || options.output !== 'table') {
        const all = await traces(cli)
        const shown = pod === undefined ? all.slice(-(options.last ?? 0)) : ofPod(all, await resolvePod(cli, pod))
        if (options.output !== 'table')
          return void stdout.write(formatData(JSON.parse(JSON.stringify(shown)), options.output))
        if (shown.length === 0) throw notTraced()
        return void stdout.write(formatWaterfall(shown.map(({ root }) => root)))
      }
      await showPod(cli, await resolvePod(cli, pod))
    })
}

const notTraced = () => failedPrecondition('no such call was traced; is tracing on? (berth trace --on)')

/** The calls about a pod, as far as they are known, and what has come of them. */
async function showPod(cli: Cli, sandbox: string): Promise<void> {
  const { stdout } = cli.terminal
  const calls = await traces(cli).then(
    (all) => ofPod(all, sandbox),
    () => undefined,
  )
  const anatomy = await podAnatomy(cli, sandbox).catch(undefinedIfGone)
  if (!anatomy && !calls?.length) throw notTraced()
  if (calls?.length) stdout.write(formatWaterfall(calls.map(({ root }) => root)))
  else if (calls) cli.note('no call about it was traced: berth trace --on, then run it anew')
  else cli.note('only Berth tells of the way of its calls')
  if (anatomy) stdout.write(`${calls?.length ? '\n' : ''}${drawAnatomy(anatomy, { columns: columnsOf(stdout) })}`)
}

async function switchTracing(cli: Cli, on: boolean): Promise<void> {
  const { signal, stdout } = cli.terminal
  await callAdmin(cli.adminSocket, { method: 'POST', path: '/v1/tracing', body: JSON.stringify({ on }), signal })
  stdout.write(on ? 'Calls are traced from now on.\n' : 'Calls are not traced any more.\n')
}

/** Oldest first. */
async function traces(cli: Cli): Promise<Trace[]> {
  const { signal } = cli.terminal
  const answer = (await callAdmin(cli.adminSocket, { method: 'GET', path: '/v1/traces', signal })) as {
    traces: Trace[]
  }
  return answer.traces.toReversed()
}

/** The calls about a sandbox, and those about its containers, whose creation names it. */
function ofPod(all: readonly Trace[], sandbox: string): Trace[] {
  const containers = new Set(all.filter((trace) => trace.sandbox === sandbox).map(({ container }) => container))
  return all.filter(
    (trace) => trace.sandbox === sandbox || (trace.container !== undefined && containers.has(trace.container)),
  )
}
