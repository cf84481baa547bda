import { type Command, Option } from 'commander'
import { type ContainerEventResponse, ContainerEventResponseSchema, ContainerEventType } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { formatData, messageJson } from '../format/json.ts'
import { failedPrecondition } from '../../lib/errors.ts'
import { formatTime } from '../format/timestamp.ts'
import { shortId } from '../../lib/ids.ts'

const words = {
  [ContainerEventType.CONTAINER_CREATED_EVENT]: 'created',
  [ContainerEventType.CONTAINER_STARTED_EVENT]: 'started',
  [ContainerEventType.CONTAINER_STOPPED_EVENT]: 'stopped',
  [ContainerEventType.CONTAINER_DELETED_EVENT]: 'deleted',
} as const

export function addEvents(program: Command, cli: Cli): void {
  program
    .command('events')
    .aliases(['event'])
    .description('show what happens to pods and containers from now on, until Ctrl-C')
    .addOption(
      new Option('-o, --output <format>', 'output format: text, json (a line each), yaml, jsonpath=TEMPLATE').default(
        'text',
      ),
    )
    .action(async ({ output }: { output: string }) => {
      const { signal, stdout } = cli.terminal
      const names = new Map<string, string>()
      for await (const event of cli.cri.runtime.getContainerEvents({}, { signal })) {
        if (output === 'text') cli.print(describe(event, names))
        else if (output === 'json') cli.print(JSON.stringify(messageJson(ContainerEventResponseSchema, event)))
        else stdout.write(formatData(messageJson(ContainerEventResponseSchema, event), output))
      }
      // CRI-O ends it at once where it was not told to make events (server/container_events.go).
      throw failedPrecondition(
        'the runtime has ended the stream of events: it is stopping, or it does not tell of them ' +
          '(CRI-O needs enable_pod_events = true in the table [crio.runtime] of its configuration)',
      )
    })
}

/**
 * `2026-01-02T03:04:05Z started container default/web/nginx (3f3f908129e6)`
 *
 * @param names of the containers of earlier events, by id: the event of a deletion does not have the name any more
 */
function describe(
  { containerId, containerEventType, createdAt, podSandboxStatus, containersStatuses }: ContainerEventResponse,
  names: Map<string, string>,
) {
  for (const { id, metadata } of containersStatuses) names.set(id, metadata?.name ?? '')
  const { namespace = '', name = '' } = podSandboxStatus?.metadata ?? {}
  const container = containersStatuses.find(({ id }) => id === containerId)
  const isPod = containerId === podSandboxStatus?.id
  const what = isPod
    ? `pod ${namespace}/${name}`
    : `container ${[namespace, name, names.get(containerId) ?? ''].filter(Boolean).join('/')}`
  const isLast = containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT
  if (isLast) names.delete(containerId)
  const ended = container && container.finishedAt > 0n && container.reason !== ''
  const how = ended ? `: ${container.exitCode}, ${container.reason}` : ''
  return `${formatTime(createdAt)} ${words[containerEventType as keyof typeof words] ?? 'changed'} ${what} (${shortId(containerId)})${how}`
}
