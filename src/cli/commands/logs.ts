import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Command, Option } from 'commander'
import { ContainerState, type ContainerStatus, CriError } from '../../client/index.ts'
import { failedPrecondition, invalidArgument, notFound } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { parseSince } from '../format/timestamp.ts'
import { followLines } from '../../client/logs/follow.ts'
import { LogPrinter } from '../logs/print.ts'
import { tailPosition } from '../../client/logs/tail.ts'
import { addContainerOption, type ContainerOption, withContainer } from '../container-option.ts'
import { wholeNumber } from '../options.ts'
import { newestOfEach, resolveContainer, resolvePod } from '../resolve.ts'

interface Options extends ContainerOption {
  readonly allContainers?: true
  readonly follow?: true
  readonly tail?: number
  readonly since?: string
  readonly timestamps?: true
  readonly previous?: true
  readonly stream?: 'stdout' | 'stderr'
  readonly reopen?: true
}

export function addLogs(program: Command, cli: Cli): void {
  const command = program
    .command('logs <container>')
    .description('show what a container wrote, stdout to stdout and stderr to stderr')
    .option('-f, --follow', 'go on until the container ends')
    .option('--tail <lines>', 'begin with the last so many lines, -1 for all', lineCount)
    .option('--since <time>', 'begin at a time (2026-01-02T13:23:37) or so long ago (42m)')
    .option('-t, --timestamps', 'show the time of each line')
    .option('-p, --previous', 'show the log of the attempt before')
    .addOption(new Option('-s, --stream <stream>', 'show only this stream').choices(['stdout', 'stderr']))
    .option('-r, --reopen', 'have the runtime open the log file anew first, as after its rotation')
    .option('--all-containers', 'show those of all containers of the pod, one after another, with -f all at once')
  addContainerOption(command).action(async (query: string, options: Options) => {
    const since = options.since === undefined ? undefined : parseSince(options.since, cli.terminal.now())
    if (!options.allContainers) {
      const containerId = await resolveContainer(cli, withContainer(query, options), { podWillDo: true })
      return show(cli, containerId, options, since)
    }
    if (options.container !== undefined) throw invalidArgument('--all-containers goes without -c')
    const podSandboxId = await resolvePod(cli, query)
    const { containers } = await cli.cri.runtime.listContainers({ filter: { podSandboxId } }, cli.ask)
    const ids = newestOfEach(containers).map(({ id }) => id)
    if (options.follow) await Promise.all(ids.map((id) => show(cli, id, options, since)))
    else for (const id of ids) await show(cli, id, options, since)
  })
}

function lineCount(text: string): number {
  return text === '-1' ? Number.POSITIVE_INFINITY : wholeNumber(text)
}

async function show(cli: Cli, containerId: string, options: Options, since: bigint | undefined): Promise<void> {
  if (options.reopen) await cli.cri.runtime.reopenContainerLog({ containerId }, cli.work)
  const { status } = await cli.cri.runtime.containerStatus({ containerId }, cli.ask)
  if (!status) throw notFound('container', containerId)
  const { tail = Number.POSITIVE_INFINITY, stream, timestamps = false } = options
  const { stdout, stderr, signal } = cli.terminal
  const printer = new LogPrinter({ stdout, stderr, timestamps, ...(since && { since }), ...(stream && { stream }) })
  const lines = followLines(options.previous ? previousLog(status) : logOf(status), {
    start: async (handle: FileHandle) => (tail === Number.POSITIVE_INFINITY ? 0 : tailPosition(handle, tail)),
    follow: Boolean(options.follow) && !options.previous,
    isOver: () => isOver(cli, containerId),
    signal,
  })
  for await (const line of lines) await printer.print(line)
}

function logOf({ logPath, id }: ContainerStatus): string {
  if (logPath === '') throw failedPrecondition(`container ${id} keeps no log: its config has no log_path`)
  return logPath
}

/** The log of the attempt before lies beside that of this one: `<attempt>.log`, as the kubelet names them. */
function previousLog(status: ContainerStatus): string {
  const path = logOf(status)
  const attempt = status.metadata?.attempt ?? 0
  if (attempt === 0) throw notFound('previous attempt of container', status.metadata?.name ?? status.id)
  return join(dirname(path), basename(path).replace(String(attempt), String(attempt - 1)))
}

/** A runtime that is away for a moment does not end a container. */
async function isOver(cli: Cli, containerId: string): Promise<boolean> {
  try {
    const { status } = await cli.cri.runtime.containerStatus({ containerId }, cli.ask)
    return status?.state === ContainerState.CONTAINER_EXITED || status?.state === ContainerState.CONTAINER_UNKNOWN
  } catch (error) {
    if (error instanceof CriError && error.codeName === 'NOT_FOUND') return true
    if (error instanceof CriError && error.codeName === 'UNAVAILABLE') return false
    throw error
  }
}
