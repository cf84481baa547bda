import type { Command } from 'commander'
import { type Container, ContainerState, ListContainersResponseSchema } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { ago } from '../format/age.ts'
import { formatData, messageJson } from '../format/json.ts'
import { describeContainerState, parseContainerState } from '../format/states.ts'
import { addListOptions, describeMaps, type ListOptions, newestFirst, tableId } from '../list-options.ts'
import { findPods, type PodNames } from '../pod-of.ts'

interface Options extends ListOptions {
  readonly all?: true
  readonly pod?: string
  readonly image?: string
  readonly resolveImagePath?: true
}

export function addPs(program: Command, cli: Cli): void {
  addListOptions(
    program.command('ps').description('list containers: the running ones, unless told otherwise'),
    'container',
  )
    .option('-a, --all', 'list containers in every state')
    .option('-p, --pod <pod>', 'only those of the pod whose id begins so, or of that name')
    .option('--image <image>', 'only those of this image')
    .option('-r, --resolve-image-path', 'show the name of an image that is known by its id')
    .action(async (options: Options) => {
      const state = stateFilter(options)
      const filter = {
        ...(state !== undefined && { state: { state } }),
        ...(options.label && { labelSelector: options.label }),
      }
      const answer = await cli.cri.runtime.listContainers({ filter }, cli.ask)
      const ofImage = options.image === undefined ? () => true : await usesImage(cli, options.image)
      const podOf = await findPods(cli, answer.containers)
      const wanted = answer.containers.filter(
        (container) => matches(container, podOf(container), options) && ofImage(container),
      )
      const containers = newestFirst(wanted, options)
      const now = cli.terminal.now()
      if (options.quiet) return containers.forEach(({ id }) => cli.print(id))
      if (options.output === 'name') {
        return containers.forEach((container) => {
          const { namespace, name } = podOf(container)
          cli.print(`${namespace}/${name}/${container.metadata?.name ?? ''}`)
        })
      }
      const isTable = options.output === 'table' || options.output === 'wide'
      if (!isTable) {
        const data = messageJson(ListContainersResponseSchema, { ...answer, containers })
        return void cli.terminal.stdout.write(formatData(data, options.output))
      }
      if (options.verbose)
        return containers.forEach((container) => cli.print(describe(container, podOf(container), now)))
      const imageNames = options.resolveImagePath ? await namesById(cli) : new Map<string, string>()
      const more = options.output === 'wide' ? await wideCells(cli, containers) : undefined
      const header = ['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE']
      const rows = containers.map((container) => [
        ...row(container, podOf(container), options, imageNames, now),
        ...(more?.get(container.id) ?? []),
      ])
      cli.printTable([[...header, ...(more ? ['EXIT', 'REASON', 'LOG'] : [])], ...rows], { whole: !options.trunc })
    })
}

/** By container id: its exit code and the reason, when it has ended, and its log. */
async function wideCells(cli: Cli, containers: readonly Container[]): Promise<ReadonlyMap<string, string[]>> {
  const cells = containers.map(async ({ id }): Promise<[string, string[]]> => {
    const { status } = await cli.cri.runtime.containerStatus({ containerId: id }, cli.ask)
    const ended = status?.state === ContainerState.CONTAINER_EXITED
    return [id, [ended ? String(status.exitCode) : '', status?.reason ?? '', status?.logPath ?? '']]
  })
  return new Map(await Promise.all(cells))
}

/** As crictl has it: --last and --latest look at every state, a named state wins over all. */
function stateFilter({ state, all, last, latest }: Options): ContainerState | undefined {
  if (state !== undefined) return parseContainerState(state)
  return all || latest || last !== undefined ? undefined : ContainerState.CONTAINER_RUNNING
}

function matches({ id, podSandboxId, metadata }: Container, podNames: PodNames, options: Options) {
  const { id: prefix, name, namespace, pod } = options
  return (
    (prefix === undefined || id.startsWith(prefix)) &&
    (name === undefined || name.test(metadata?.name ?? '')) &&
    (namespace === undefined || namespace.test(podNames.namespace)) &&
    (pod === undefined || podSandboxId.startsWith(pod) || podNames.name === pod)
  )
}

/** Whether a container uses the image that the user names by id, tag or digest. */
async function usesImage(cli: Cli, name: string): Promise<(container: Container) => boolean> {
  const { image } = await cli.cri.image.imageStatus({ image: { image: name } }, cli.ask)
  const names = new Set([name, ...(image ? [image.id, ...image.repoTags, ...image.repoDigests] : [])])
  return (container) =>
    [container.imageId, container.imageRef, container.image?.image].some(
      (used) => used !== undefined && names.has(used),
    )
}

async function namesById(cli: Cli): Promise<Map<string, string>> {
  const { images } = await cli.cri.image.listImages({}, cli.ask)
  return new Map(images.map(({ id, repoTags, repoDigests }) => [id, repoTags[0] ?? repoDigests[0] ?? id]))
}

function row(
  container: Container,
  pod: PodNames,
  options: Options,
  imageNames: ReadonlyMap<string, string>,
  now: number,
): string[] {
  const { image, metadata } = container
  const used = image?.image ?? ''
  // The kubelet names images by id and what the pod's author wrote beside it.
  const name = imageNames.get(used) ?? (used.startsWith('sha256:') ? image?.userSpecifiedImage : '') ?? ''
  return [
    tableId(container.id, options),
    name || (options.trunc && used.startsWith('sha256:') ? used.slice(7, 20) : used),
    ago(container.createdAt, now),
    describeContainerState(container.state),
    metadata?.name ?? '',
    String(metadata?.attempt ?? 0),
    tableId(container.podSandboxId, options),
    pod.name,
    pod.namespace,
  ]
}

function describe(container: Container, pod: PodNames, now: number): string {
  return [
    `ID: ${container.id}`,
    `PodID: ${container.podSandboxId}`,
    `Namespace: ${pod.namespace}`,
    `Name: ${container.metadata?.name ?? ''}`,
    `Attempt: ${container.metadata?.attempt ?? 0}`,
    `State: ${describeContainerState(container.state)}`,
    `Image: ${container.image?.image ?? ''}`,
    `Created: ${ago(container.createdAt, now)}`,
    ...describeMaps(container),
  ].join('\n')
}
