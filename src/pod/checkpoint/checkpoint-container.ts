import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import {
  deadlineExceeded,
  errnoOf,
  failedPrecondition,
  invalidArgument,
  messageOf,
  operationFailed,
} from '../../lib/errors.ts'
import { findProgram } from '../../linux/find-program.ts'
import { criuConfig, criuConfigPath, lastCriuError } from '../../oci/criu.ts'
import { OciRuntime } from '../../oci/runtime.ts'
import type { Spec } from '../../oci/runtime-spec.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import type { SetStage } from '../../state/operations.ts'
import { getContainer, getSandbox } from '../lookup.ts'
import type { PodParts } from '../parts.ts'
import { bindMountsDump, configDump, statusDump } from './dumps.ts'
import { externalPipes } from './external-pipes.ts'
import { rootfsDiff } from './rootfs-diff.ts'
import { writeTar } from './tar.ts'

/** How long a checkpoint may take when its client does not say, in seconds. */
const defaultPatience = 600
/** How long the OCI runtime may take to let a container go on, in milliseconds. */
const resumePatience = 20_000

/**
 * Writes an archive with all that is needed to bring a running container back elsewhere: its processes with their memory, as
 * CRIU dumps them, and what it has changed in its root file system. The container stands still meanwhile, and then runs on.
 * The archive is root's alone: it holds the memory of the processes. It is there whole or not at all.
 *
 * @param timeoutSeconds 0 for the default
 * @throws invalid-argument; not-found; failed-precondition without CRIU, or when the container does not run; deadline-exceeded
 */
export async function checkpointContainer(
  parts: PodParts,
  id: string,
  location: string,
  timeoutSeconds: number,
): Promise<void> {
  const container = getContainer(parts, id)
  checkLocation(location)
  if (timeoutSeconds < 0) throw invalidArgument(`timeout is ${timeoutSeconds}, less than 0`)
  requireRunning(container)
  requireCriu(parts, container)
  const patience = timeoutSeconds === 0 ? defaultPatience : Math.min(timeoutSeconds, 0x7fffffff / 1000)
  await parts.operations.run(
    { name: 'CheckpointContainer', key: container.id, fingerprint: location },
    async (setStage) => {
      const signal = AbortSignal.timeout(patience * 1000)
      try {
        await checkpoint(parts, container, location, signal, setStage)
      } catch (error) {
        if (!signal.aborted) throw error
        throw deadlineExceeded(`the checkpoint of container "${container.id}" took longer than ${patience} s`, error)
      }
    },
    () => failedPrecondition(`another checkpoint of container "${container.id}" is being made`),
  )
}

/** Lets a container go on whose checkpoint was interrupted by berthd's end; nothing when there was none. */
export async function endInterruptedCheckpoint(parts: PodParts, container: ContainerRecord): Promise<void> {
  const folder = workFolder(parts, container)
  if (!existsSync(folder)) return
  await runtimeOf(parts, container).resume({ id: container.id, signal: AbortSignal.timeout(resumePatience) })
  parts.trash.throwAway(folder)
  parts.log.warn({ container: container.id }, 'a checkpoint was interrupted; the container goes on')
}

async function checkpoint(
  parts: PodParts,
  container: ContainerRecord,
  location: string,
  signal: AbortSignal,
  setStage: SetStage,
): Promise<void> {
  const folder = workFolder(parts, container)
  parts.trash.throwAway(folder)
  mkdirSync(join(folder, 'checkpoint'), { recursive: true, mode: 0o700 })
  try {
    // Paused for all of it: memory and files must fit together.
    setStage('pausing its processes')
    await whilePaused(parts, container, signal, async () => {
      setStage('dumping its processes')
      await dumpProcesses(parts, container, folder, signal)
      setStage('collecting its files')
      await dumpFiles(parts, container, folder, signal)
    })
    setStage('writing the archive')
    await writeArchive(parts, folder, location, signal)
  } finally {
    parts.trash.throwAway(folder)
  }
}

/** Whatever comes of `work`, also when the OCI runtime was killed in the middle: the container goes on. */
async function whilePaused(
  parts: PodParts,
  container: ContainerRecord,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const { id } = container
  const runtime = runtimeOf(parts, container)
  try {
    await runtime.pause({ id, signal })
    await work()
  } finally {
    await runtime.resume({ id, signal: AbortSignal.timeout(resumePatience) }).catch((error) => {
      parts.log.error({ container: id, error: messageOf(error) }, 'a container does not go on after its checkpoint')
    })
  }
}

async function dumpProcesses(parts: PodParts, container: ContainerRecord, folder: string, signal: AbortSignal) {
  const { bundle } = parts.layout.container(container.id)
  const pipes = externalPipes(bundle, parts.cgroups.pids(container.cgroup))
  writeFileSync(criuConfigPath(bundle), criuConfig(pipes), { mode: 0o600 })
  try {
    const folders = { images: join(folder, 'checkpoint'), work: folder }
    await runtimeOf(parts, container).checkpoint({ id: container.id, ...folders, signal })
  } catch (error) {
    const said = lastCriuError(readIfThere(join(folder, 'dump.log')))
    if (said === undefined || signal.aborted) throw error
    throw operationFailed(`cannot checkpoint container "${container.id}": CRIU says: ${said}`, error)
  }
}

async function dumpFiles(parts: PodParts, container: ContainerRecord, folder: string, signal: AbortSignal) {
  const { bundle, upper } = parts.layout.container(container.id)
  const sandbox = getSandbox(parts, container.sandboxId)
  const image = parts.images.status(container.imageId)
  const spec = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 })
  put('config.dump', configDump(container, image, parts.handlers.of(sandbox).name, parts.clock()))
  put('status.dump', statusDump(container, image))
  put('spec.dump', JSON.stringify(spec))
  put('bind.mounts', bindMountsDump(bindMounts(spec)))
  if (container.logPath !== '' && existsSync(container.logPath)) {
    copyFileSync(container.logPath, join(folder, 'container.log'))
  }
  const mountPoints = new Set(spec.mounts.map(({ destination }) => destination.replace(/^\/+/, '')))
  const layers = async () => (await parts.images.use(container.imageId)).layerDirs
  const { changed, deleted } = await rootfsDiff(upper, layers, mountPoints)
  put('deleted.files', JSON.stringify(deleted.map((path) => `/${path}`)))
  put('rootfs-diff.tar', '')
  await writeTar(parts.reaper, { file: join(folder, 'rootfs-diff.tar'), folder: upper, paths: changed, signal })
}

async function writeArchive(parts: PodParts, folder: string, location: string, signal: AbortSignal): Promise<void> {
  const partial = `${location}.partial`
  rmSync(partial, { force: true })
  closeSync(openSync(partial, 'wx', 0o600))
  try {
    const paths = readdirSync(folder, { recursive: true }) as string[]
    await writeTar(parts.reaper, { file: partial, folder, paths: paths.sort(), signal })
    renameSync(partial, location)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
}

function checkLocation(location: string): void {
  if (!isAbsolute(location) || location.includes('\0') || location.endsWith('/')) {
    throw invalidArgument(`location ${JSON.stringify(location)} is not the absolute path of a file`)
  }
  if (!statSync(dirname(location), { throwIfNoEntry: false })?.isDirectory()) {
    throw invalidArgument(`location ${JSON.stringify(location)}: there is no folder ${dirname(location)}`)
  }
  if (statSync(location, { throwIfNoEntry: false })?.isDirectory()) {
    throw invalidArgument(`location ${JSON.stringify(location)} is a folder`)
  }
}

function requireRunning({ id, state }: ContainerRecord): void {
  if (state.phase !== 'running') {
    throw failedPrecondition(`container "${id}" is ${state.phase}: only a running container can be checkpointed`)
  }
}

function requireCriu(parts: PodParts, container: ContainerRecord): void {
  const { name, options } = parts.handlers.of(getSandbox(parts, container.sandboxId))
  if (options.sandboxPerContainer) {
    throw failedPrecondition(`containers of the runtime handler "${name}" cannot be checkpointed`)
  }
  if (findProgram('criu') !== undefined) return
  throw failedPrecondition('checkpointing needs CRIU, which is not on this machine (on Debian: apt install criu)')
}

function runtimeOf(parts: PodParts, container: ContainerRecord): OciRuntime {
  const { command } = parts.handlers.of(getSandbox(parts, container.sandboxId))
  return new OciRuntime({ ...command, reaper: parts.reaper })
}

/** On the disk of the container's own files: the memory of its processes may be large. */
function workFolder(parts: PodParts, container: ContainerRecord): string {
  return join(parts.layout.container(container.id).data, 'checkpoint')
}

function bindMounts(spec: Spec): Parameters<typeof bindMountsDump>[0] {
  return spec.mounts.flatMap(({ type, source, destination, options = [] }) => {
    if (type !== 'bind' && !options.includes('bind') && !options.includes('rbind')) return []
    const stats = statSync(source ?? '', { throwIfNoEntry: false })
    return stats ? [{ source: source ?? '', destination, isFolder: stats.isDirectory(), mode: stats.mode }] : []
  })
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return ''
    throw error
  }
}
