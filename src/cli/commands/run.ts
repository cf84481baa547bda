import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseAllDocuments } from 'yaml'
import { ContainerState } from '../../client/index.ts'
import { errnoOf, invalidArgument, messageOf } from '../../lib/errors.ts'
import { shortId } from '../../lib/ids.ts'
import type { Cli } from '../cli.ts'
import { pullFor } from '../create-container.ts'
import { addCredentialOptions, type CredentialOptions } from '../credentials.ts'
import { describeContainerState, describePodState } from '../format/states.ts'
import { formatTable } from '../format/table.ts'
import { readPod } from '../../manifest/pod.ts'
import { type RunningPod, runPod } from '../../agent/run-pod.ts'
import { readContainerConfig, readSandboxConfig } from '../proto-file.ts'

interface Options extends CredentialOptions {
  readonly filename?: string
  readonly pull: boolean
  readonly runtime: string
}

export function addRun(program: Command, cli: Cli): void {
  const command = program
    .command('run [container-config] [pod-config]')
    .description('run a Kubernetes Pod manifest (-f), or one container in a new sandbox from two config files')
    .option('-f, --filename <file>', 'run the Pods of this manifest, YAML or JSON; - for stdin')
    .option('--no-pull', 'do not pull the image (of config files; a manifest has its imagePullPolicy)')
    .option('--with-pull', 'pull the image (what happens anyway)')
    .option('--runtime <handler>', 'runtime handler to use (of config files; a manifest has its runtimeClassName)', '')
  addCredentialOptions(command).action(
    async (container: string | undefined, pod: string | undefined, options: Options) => {
      if (options.filename !== undefined && container === undefined) return runManifests(cli, options.filename)
      if (options.filename !== undefined || container === undefined || pod === undefined) {
        throw invalidArgument(
          'give a manifest with -f, or a container config and a pod config; berth run --help shows how',
        )
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
  for (const manifest of readManifests(path)) {
    const { pod, ignored } = readPod(manifest)
    if (ignored.length > 0) cli.note(`these fields are not supported yet and have no effect: ${ignored.join(', ')}`)
    cli.terminal.stdout.write(describe(await runPod(cli, pod)))
  }
}

function readManifests(path: string): unknown[] {
  let text: string
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    throw invalidArgument(errnoOf(error) === 'ENOENT' ? `there is no file ${path}` : messageOf(error), error)
  }
  const documents = parseAllDocuments(text)
  const problem = documents.flatMap(({ errors }) => errors)[0]
  if (problem) throw invalidArgument(`${path}: ${problem.message}`)
  const manifests = documents.map((document) => document.toJS() as unknown).filter((manifest) => manifest !== null)
  if (manifests.length === 0) throw invalidArgument(`${path} holds no manifest`)
  return manifests
}

function describe({ sandbox, containers }: RunningPod): string {
  const { name = '', namespace = '' } = sandbox.metadata ?? {}
  const ip = sandbox.network?.ip || '(of the node)'
  const pod = formatTable([
    ['POD', 'POD ID', 'STATE', 'IP'],
    [`${namespace}/${name}`, shortId(sandbox.id), describePodState(sandbox.state), ip],
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
  return `${pod}\n${formatTable([['CONTAINER', 'CONTAINER ID', 'STATE', 'ATTEMPT'], ...rows])}`
}
