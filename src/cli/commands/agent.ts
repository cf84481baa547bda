import { type Command, Option } from 'commander'
import { Agent } from '../../agent/agent.ts'
import { agentSockets, askStatus, serveStatus } from '../../agent/control-socket.ts'
import { defaultLogLimits } from '../../agent/log-rotation.ts'
import { openFolder } from '../../agent/manifest-folder.ts'
import { nodeFacts } from '../../agent/node-facts.ts'
import type { PodStatus } from '../../agent/pod-status.ts'
import { systemTime } from '../../agent/time.ts'
import { volumesFolder } from '../../agent/volume-folders.ts'
import { systemMounts } from '../../agent/volume-mounts.ts'
import { failedPrecondition } from '../../lib/errors.ts'
import { parseUnits } from '../../manifest/quantity.ts'
import { logsFolder } from '../../manifest/sandbox-config.ts'
import type { Cli } from '../cli.ts'
import { ago } from '../format/age.ts'
import { addManifestsOption } from '../manifests-option.ts'
import { wholeNumber } from '../options.ts'

interface Options {
  readonly manifests: string
  readonly status?: true
  readonly logMaxSize: string
  readonly logMaxFiles: number
  readonly volumes: string
  readonly podLogs: string
  readonly sockets: string
}

/** Options of places on this machine, which only tests have elsewhere. */
const hidden = (flags: string, otherwise: string) => new Option(flags).default(otherwise).hideHelp()

export function addAgent(program: Command, cli: Cli): void {
  addManifestsOption(
    program
      .command('agent')
      .description("run the pods of a folder of manifests and watch over them, as the kubelet does its static pods'"),
  )
    .option('--status', 'show the pods of the agent that runs, instead of being one')
    .option('--log-max-size <size>', 'put a log aside that is longer', '10Mi')
    .option(
      '--log-max-files <count>',
      'keep so many files of a log',
      (text: string) => Math.max(1, wholeNumber(text)),
      defaultLogLimits.maxFiles,
    )
    .addOption(hidden('--volumes <folder>', volumesFolder))
    .addOption(hidden('--pod-logs <folder>', logsFolder))
    .addOption(hidden('--sockets <folder>', agentSockets))
    .action(async (options: Options) => {
      const manifests = openFolder(options.manifests)
      if (options.status) return showStatus(cli, manifests, options.sockets)
      await runAgent(cli, manifests, options)
    })
}

async function runAgent(cli: Cli, manifests: string, options: Options): Promise<void> {
  const agent = new Agent({
    access: cli,
    time: systemTime,
    node: nodeFacts(),
    mounts: systemMounts,
    manifests,
    volumesFolder: options.volumes,
    logsFolder: options.podLogs,
    logLimits: { maxBytes: Number(parseUnits(options.logMaxSize, '--log-max-size')), maxFiles: options.logMaxFiles },
  })
  await using _status = await serveStatus(manifests, options.sockets, () => agent.statuses())
  cli.note(`running the pods of ${manifests}; Ctrl-C ends the agent, the pods run on`)
  await agent.run(cli.terminal.signal)
}

async function showStatus(cli: Cli, manifests: string, sockets: string): Promise<void> {
  const pods = await askStatus(manifests, sockets)
  if (!pods) {
    throw failedPrecondition(
      `no agent runs the pods of ${manifests}: start one with berth agent --manifests ${manifests}`,
    )
  }
  const now = cli.terminal.now()
  const header = ['NAMESPACE', 'NAME', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'WHY']
  cli.printTable([header, ...pods.map((pod) => row(pod, now))])
}

function row({ namespace, name, ready, total, state, restarts, createdAt, message }: PodStatus, now: number): string[] {
  const age = createdAt === undefined ? '' : ago(BigInt(createdAt) * 1_000_000n, now)
  return [namespace, name, `${ready}/${total}`, state, String(restarts), age, message.replaceAll(/\s+/g, ' ')]
}
