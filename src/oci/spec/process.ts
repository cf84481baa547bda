import type { ContainerConfig } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import { containerPath, withoutNul } from './checks.ts'
import type { ImageConfig } from './input.ts'

/** The search path that a container has unless its image or its configuration sets another. */
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * What a container runs: `command` takes the place of the image's entrypoint and of its cmd; `args` alone takes the place
 * of cmd and is given to the entrypoint.
 */
export function processArgs(container: Pick<ContainerConfig, 'command' | 'args'>, image: ImageConfig): string[] {
  const args = chosenArgs(container, image)
  if (args.length === 0) {
    throw invalidArgument(
      `no command to run: image "${image.name}" has neither entrypoint nor cmd, and the container sets no command`,
    )
  }
  if (args[0] === '') throw invalidArgument("the container's command is an empty string")
  return args.map((arg) => withoutNul('command or args', arg))
}

function chosenArgs(container: Pick<ContainerConfig, 'command' | 'args'>, image: ImageConfig): readonly string[] {
  if (container.command.length > 0) return [...container.command, ...container.args]
  // `ENTRYPOINT [""]` is how a Dockerfile takes back the entrypoint of its base image.
  const entrypoint = image.entrypoint.length === 1 && image.entrypoint[0] === '' ? [] : image.entrypoint
  return [...entrypoint, ...(container.args.length > 0 ? container.args : image.cmd)]
}

/**
 * The environment, `NAME=value` each: the runtime's defaults, then the image's, then the container's own; a later one
 * takes the place of an earlier one of the same name. An entry of the image without `=` takes the name away.
 *
 * @param hostname for HOSTNAME
 */
export function processEnv(
  container: Pick<ContainerConfig, 'envs' | 'tty'>,
  image: ImageConfig,
  hostname: string,
): string[] {
  const entries = new Map<string, string>()
  const set = (entry: string) => {
    const equals = entry.indexOf('=')
    if (equals < 0) entries.delete(entry)
    else entries.set(entry.slice(0, equals), entry)
  }
  set(defaultPath)
  if (container.tty) set('TERM=xterm')
  set(`HOSTNAME=${hostname}`)
  for (const entry of image.env) set(withoutNul(`the environment of image "${image.name}"`, entry))
  for (const { key, value } of container.envs) {
    if (key === '' || key.includes('=')) throw invalidArgument(`envs: "${key}" is not a name of a variable`)
    set(withoutNul(`envs: ${key}`, `${key}=${Buffer.from(value).toString('utf8')}`))
  }
  return [...entries.values()]
}

/**
 * The working directory: the container's, or the image's, or `/`. One that leads through the descriptors of a process is
 * refused: that is how CVE-2024-21626 got out of the container.
 */
export function processCwd(container: Pick<ContainerConfig, 'workingDir'>, image: ImageConfig): string {
  const cwd = chosenCwd(container, image)
  if (/^\/(dev\/fd|proc\/[^/]+\/(task\/[^/]+\/)?(fd|cwd|root|map_files))(\/|$)/.test(cwd)) {
    throw invalidArgument(`working_dir "${cwd}" leads out of the container's own files`)
  }
  return cwd
}

function chosenCwd(container: Pick<ContainerConfig, 'workingDir'>, image: ImageConfig): string {
  if (container.workingDir !== '') return containerPath('working_dir', container.workingDir)
  if (image.workingDir === '') return '/'
  return containerPath(`the working directory of image "${image.name}"`, `/${image.workingDir}`)
}
