import { Command, CommanderError, Option } from 'commander'
import { Cli, defaultEndpoint, describeFailure, type GlobalOptions, type Terminal } from './cli.ts'
import { addAgent } from './commands/agent.ts'
import { addApply } from './commands/apply.ts'
import { addAttach } from './commands/attach.ts'
import { addCheck } from './commands/check.ts'
import { addCheckpoint } from './commands/checkpoint.ts'
import { addCompletion } from './commands/completion.ts'
import { addConfig } from './commands/config.ts'
import { addCopy } from './commands/cp.ts'
import { addCreate } from './commands/create.ts'
import { addDelete } from './commands/delete.ts'
import { addDoctor } from './commands/doctor.ts'
import { addEvents } from './commands/events.ts'
import { addExec } from './commands/exec.ts'
import { addGc } from './commands/gc.ts'
import { addImageFsInfo } from './commands/imagefsinfo.ts'
import { addImages } from './commands/images.ts'
import { addInfo } from './commands/info.ts'
import { addInspect, addInspectImage, addInspectPod } from './commands/inspect.ts'
import { addKubectlHabits } from './commands/kubectl-habits.ts'
import { addLoad } from './commands/load.ts'
import { addLogs } from './commands/logs.ts'
import { addMetricDescriptors, addPodMetrics } from './commands/pod-metrics.ts'
import { addPods } from './commands/pods.ts'
import { addPortForward } from './commands/port-forward.ts'
import { addPs } from './commands/ps.ts'
import { addPull } from './commands/pull.ts'
import { addRemove } from './commands/rm.ts'
import { addRemoveImage } from './commands/rmi.ts'
import { addRemovePod } from './commands/rmp.ts'
import { addRun } from './commands/run.ts'
import { addRunPod } from './commands/runp.ts'
import { addRuntimeConfig } from './commands/runtime-config.ts'
import { addSave } from './commands/save.ts'
import { addStart } from './commands/start.ts'
import { addPodStats, addStats } from './commands/stats.ts'
import { addStop } from './commands/stop.ts'
import { addStopPod } from './commands/stopp.ts'
import { addTop } from './commands/top.ts'
import { addTrace } from './commands/trace.ts'
import { addUpdate } from './commands/update.ts'
import { addVersion } from './commands/version.ts'
import { addWhy } from './commands/why.ts'
import { version } from './version.ts'

/** The groups of `berth --help`, with their commands in order. */
const groups = {
  'Pods and containers:': [
    addRun,
    addApply,
    addDelete,
    addAgent,
    addPods,
    addPs,
    addTop,
    addStats,
    addPodStats,
    addEvents,
    addLogs,
    addExec,
    addAttach,
    addPortForward,
    addCopy,
    addInspect,
    addInspectPod,
    addUpdate,
    addCheckpoint,
    addStop,
    addStopPod,
    addRemove,
    addRemovePod,
  ],
  'Images:': [addImages, addPull, addInspectImage, addRemoveImage, addImageFsInfo, addLoad, addSave],
  'Step by step:': [addRunPod, addCreate, addStart],
  'When something is wrong:': [addWhy, addDoctor, addCheck, addTrace, addGc],
  'Runtime and program:': [
    addVersion,
    addInfo,
    addConfig,
    addRuntimeConfig,
    addPodMetrics,
    addMetricDescriptors,
    addCompletion,
  ],
}

/**
 * Runs `berth` with these arguments (without the program's name) and returns its exit code: 0, that of an `exec`ed command
 * (127 and 126, as in a shell, when it is not there or cannot be executed), 1 for a failure, 130 when the user ended it.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal)
  using cli = new Cli(terminal, () => program.opts<GlobalOptions>())
  for (const [heading, commands] of Object.entries(groups)) {
    program.commandsGroup(heading)
    for (const add of commands) add(program, cli)
  }
  addKubectlHabits(program)
  try {
    await program.parseAsync(args, { from: 'user' })
    return cli.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    if (terminal.signal.aborted) return 130
    terminal.stderr.write(`${describeFailure(error, terminal.env)}\n`)
    return 1
  }
}

function createProgram({ stdout, stderr, env }: Terminal): Command {
  return new Command('berth')
    .description('Runs and shows pods, containers and images of a CRI runtime: Berth, containerd, CRI-O.')
    .version(version, '-v, --version', 'show the version of berth')
    .addOption(
      new Option('-r, --runtime-endpoint <endpoint>', 'socket of the runtime')
        .default(env.CONTAINER_RUNTIME_ENDPOINT || defaultEndpoint)
        .helpGroup('Options:'),
    )
    .option(
      '-i, --image-endpoint <endpoint>',
      'socket of the image service, when it is another',
      env.IMAGE_SERVICE_ENDPOINT,
    )
    .option('-t, --timeout <duration>', 'give up on a call after this long (10s for calls that only ask)')
    .addHelpCommand(
      new Command('help')
        .argument('[command]')
        .description('show the help of a command')
        .helpGroup('Runtime and program:'),
    )
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError('(berth --help shows the commands; berth <command> --help what one takes)')
    .addHelpText('after', helpTail)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'berth: ')),
    })
}

const helpTail = `
Pods, containers and images are named by id, by the beginning of one, or by name: web, default/web, default/web/nginx.
Options of berth itself go before the command. Environment: CONTAINER_RUNTIME_ENDPOINT, IMAGE_SERVICE_ENDPOINT,
DEBUG=1 for stack traces.`
