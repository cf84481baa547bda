import type { Command } from 'commander'
import { ContainerState, ListPodSandboxResponseSchema, type PodSandbox } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { ago } from '../format/age.ts'
import { formatData, messageJson } from '../format/json.ts'
import { describePodState, parsePodState } from '../format/states.ts'
import { addListOptions, describeMaps, type ListOptions, newestFirst, tableId } from '../list-options.ts'

export function addPods(program: Command, cli: Cli): void {
  addListOptions(program.command('pods').description('list pods'), 'pod').action(async (options: ListOptions) => {
    const filter = {
      ...(options.state !== undefined && { state: { state: parsePodState(options.state) } }),
      ...(options.label && { labelSelector: options.label }),
    }
    const answer = await cli.cri.runtime.listPodSandbox({ filter }, cli.ask)
    const wanted = answer.items.filter(
      ({ id, metadata }) =>
        (options.id === undefined || id.startsWith(options.id)) &&
        (options.name === undefined || options.name.test(metadata?.name ?? '')) &&
        (options.namespace === undefined || options.namespace.test(metadata?.namespace ?? '')),
    )
    const pods = newestFirst(wanted, options)
    const now = cli.terminal.now()
    if (options.quiet) return pods.forEach(({ id }) => cli.print(id))
    if (options.output === 'name') {
      return pods.forEach(({ metadata }) => cli.print(`${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`))
    }
    const isTable = options.output === 'table' || options.output === 'wide'
    if (!isTable) {
      const data = messageJson(ListPodSandboxResponseSchema, { ...answer, items: pods })
      return void cli.terminal.stdout.write(formatData(data, options.output))
    }
    if (options.verbose) return pods.forEach((pod) => cli.print(describe(pod, now)))
    const more = options.output === 'wide' ? await wideCells(cli, pods) : undefined
    const header = ['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME']
    const rows = pods.map((pod) => [...row(pod, options, now), ...(more?.get(pod.id) ?? [])])
    cli.printTable([[...header, ...(more ? ['IP', 'CONTAINERS', 'UID'] : [])], ...rows], { whole: !options.trunc })
  })
}

/** By pod id: its addresses, how many of its containers run, and its uid. */
async function wideCells(cli: Cli, pods: readonly PodSandbox[]): Promise<ReadonlyMap<string, string[]>> {
  const { containers } = await cli.cri.runtime.listContainers({}, cli.ask)
  const cells = pods.map(async ({ id, metadata }): Promise<[string, string[]]> => {
    const { status } = await cli.cri.runtime.podSandboxStatus({ podSandboxId: id }, cli.ask)
    const { ip = '', additionalIps = [] } = status?.network ?? {}
    const addresses = [ip, ...additionalIps.map((additional) => additional.ip)].filter((address) => address !== '')
    const own = containers.filter(({ podSandboxId }) => podSandboxId === id)
    const running = own.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
    return [id, [addresses.join(',') || '(of the node)', `${running.length}/${own.length}`, metadata?.uid ?? '']]
  })
  return new Map(await Promise.all(cells))
}

function row({ id, createdAt, state, metadata, runtimeHandler }: PodSandbox, options: ListOptions, now: number) {
  const { name = '', namespace = '', attempt = 0 } = metadata ?? {}
  const cells = [tableId(id, options), ago(createdAt, now), describePodState(state), name, namespace, String(attempt)]
  return [...cells, runtimeHandler || '(default)']
}

function describe(pod: PodSandbox, now: number): string {
  return [
    `ID: ${pod.id}`,
    `Name: ${pod.metadata?.name ?? ''}`,
    `UID: ${pod.metadata?.uid ?? ''}`,
    `Namespace: ${pod.metadata?.namespace ?? ''}`,
    `Attempt: ${pod.metadata?.attempt ?? 0}`,
    `Status: ${describePodState(pod.state)}`,
    `Created: ${ago(pod.createdAt, now)}`,
    `Runtime: ${pod.runtimeHandler || '(default)'}`,
    ...describeMaps(pod),
  ].join('\n')
}
