import type { Command } from 'commander'
import { nodeFacts } from '../../agent/node-facts.ts'
import { type RunningPod, runPod } from '../../agent/run-pod.ts'
import { volumesFolder } from '../../agent/volume-folders.ts'
import { systemMounts } from '../../agent/volume-mounts.ts'
import { ContainerState } from '../../client/index.ts'
import { invalidArgument } from '../../lib/errors.ts'
import { shortId } from '../../lib/ids.ts'
import { lookupIn } from '../../manifest/config-data.ts'
import { podsOf } from '../../manifest/deployment.ts'
import { readDocuments, readManifests } from '../../manifest/documents.ts'
import type { PodManifest } from '../../manifest/pod.ts'
import { podUidLabel } from '../../manifest/pod-labels.ts'
import type { Cli } from '../cli.ts'
import { pullFor } from '../create-container.ts'
import { addCredentialOptions, type CredentialOptions } from '../credentials.ts'
import { describeContainerState, describePodState } from '../format/states.ts'
import { formatTable } from '../format/table.ts'
import { readManifestText } from '../manifest-text.ts'
import { readContainerConfig, readSandboxConfig } from '../proto-file.ts'
import { supervisedFields } from '../supervised-fields.ts'

interface Options extends CredentialOptions {
  readonly filename?: string
  readonly pull: boolean
  readonly runtime: string
}

export function addRun(program: Command, cli: Cli): void {
  const command = program
    .command('run [container-config] [pod-config]')
    .description('run a Kubernetes Pod manifest (-f), or one container in a new sandbox from two config files')
    .option('-f, --filename <file>', 'start the Pods and Deployments of this manifest, YAML or JSON, once; - for stdin')
    .option('--no-pull', 'do not pull the image (of config files; a manifest has its imagePullPolicy)')
    .option('--with-pull', 'pull the image (what happens anyway)')
    .option('--runtime <handler>', 'runtime handler to use (of config files; a manifest has its runtimeClassName)', '')
  addCredentialOptions(command).action(
    async (container: string | undefined, pod: string | undefined, options: Options) => {
      if (options.filename !== undefined && container === undefined) return runManifests(cli, options.filename)
      if (options.filename !== undefined || container === undefined || pod === undefined) {
        const hint = container !== undefined && pod === undefined ? `berth run -f ${container}` : 'berth run --help'
        throw invalidArgument(`give a manifest with -f, or a container config and a pod config: ${hint}`)
      }
      await runConfigs(cli, container, pod, options)
    },
  )
}

/** What crictl's run does. */
async function runConfigs(cli: Cli, containerPath: string, podPath: string, options: Options): Promise<void> {
  const config = readContainerConfig(containerPath)
  const sandboxConfig = readSandboxConfig(podPath)
  if (options.pull) await pullFor(cli, config, sandboxConfig, options)
  const request = { config: sandboxConfig, runtimeHandler: options.runtime }
  const { podSandboxId } = await cli.cri.runtime.runPodSandbox(request, cli.work)
  const { containerId } = await cli.cri.runtime.createContainer({ podSandboxId, config, sandboxConfig }, cli.work)
  await cli.cri.runtime.startContainer({ containerId }, cli.work)
  cli.print(containerId)
}

async function runManifests(cli: Cli, path: string): Promise<void> {
  const documents = readDocuments(readManifestText(path), path)
  const { pods, deployments, configs, warnings } = readManifests(documents)
  if (pods.length + deployments.length === 0) throw invalidArgument(`${path} holds no Pod and no Deployment`)
  for (const warning of warnings) cli.note(warning)
  for (const warning of supervisedFields(documents)) cli.note(warning)
  const place = {
    access: cli,
    node: nodeFacts(),
    lookup: lookupIn(configs),
    volumesFolder,
    mounts: systemMounts,
  }
  const all = [...pods.map(({ pod }) => pod), ...deployments.flatMap(podsOf)]
  for (const pod of all) {
    try {
      const running = await runPod(place, pod)
      cli.terminal.stdout.write(describe(running))
      if (running.containers.some((container) => container.exitCode !== 0)) cli.note(whatStays(pod))
    } catch (error) {
      if (cli.terminal.signal.aborted) throw error
      cli.fail(error)
      if (await isThere(cli, pod)) cli.note(whatStays(pod))
      return
    }
  }
}

const whatStays = ({ namespace, name }: PodManifest) =>
  `not all is well: berth why ${namespace}/${name} (the pod stays; berth rmp -f ${namespace}/${name} removes it)`

/** Whether a run that failed has made, or found, a sandbox. A runtime that does not answer has already been told of. */
async function isThere(cli: Cli, { uid }: PodManifest): Promise<boolean> {
  const filter = { labelSelector: { [podUidLabel]: uid } }
  const { items } = await cli.cri.runtime.listPodSandbox({ filter }, cli.ask).catch(() => ({ items: [] }))
  return items.length > 0
}

const nameOf = ({ sandbox: { metadata } }: RunningPod) => `${metadata?.namespace}/${metadata?.name}`

function describe(pod: RunningPod): string {
  const { sandbox, containers } = pod
  const ip = sandbox.network?.ip || '(of the node)'
  const heading = formatTable([
    ['POD', 'POD ID', 'STATE', 'IP'],
    [nameOf(pod), shortId(sandbox.id), describePodState(sandbox.state), ip],
  ])
  const rows = containers.map(({ id, metadata, state, exitCode, reason }) => {
    const ended = state === ContainerState.CONTAINER_EXITED ? ` (${exitCode}${reason && `, ${reason}`})` : ''
    return [
      metadata?.name ?? '',
      shortId(id),
      `${describeContainerState(state)}${ended}`,
      String(metadata?.attempt ?? 0),
    ]
  })
  return `${heading}\n${formatTable([['CONTAINER', 'CONTAINER ID', 'STATE', 'ATTEMPT'], ...rows])}`
}
