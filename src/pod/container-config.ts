import { isAbsolute, join, normalize } from 'node:path'
import type { ContainerConfig, ContainerMetadata, PodSandboxConfig } from '../gen/cri_pb.ts'
import { Signal, SignalSchema } from '../gen/cri_pb.ts'
import { invalidArgument } from '../lib/errors.ts'
import { signalNumber } from '../linux/pidfd.ts'

/** The container's metadata; a container without a name is refused. */
export function containerMetadata(config: ContainerConfig | undefined): ContainerMetadata {
  const metadata = config?.metadata
  if (!metadata) throw invalidArgument('the container configuration has no metadata: a name is needed')
  if (metadata.name === '') throw invalidArgument('the container configuration has no metadata.name')
  if (/[\0-\x1f\x7f/]/.test(metadata.name)) {
    throw invalidArgument(
      `metadata.name of the container has characters that no name has: ${JSON.stringify(metadata.name)}`,
    )
  }
  return metadata
}

/** The image that the configuration asks for. */
export function imageReference(config: ContainerConfig): string {
  const image = config.image?.image ?? ''
  if (image === '') throw invalidArgument('the container configuration has no image')
  return image
}

/** Where the container's log goes: `log_path` below the sandbox's `log_directory`. Empty when no log is wanted. */
export function logPath(container: ContainerConfig, sandbox: PodSandboxConfig): string {
  if (container.logPath === '' || sandbox.logDirectory === '') return ''
  const folder = normalize(sandbox.logDirectory)
  const path = join(folder, container.logPath)
  if (!isAbsolute(folder)) throw invalidArgument(`log_directory "${sandbox.logDirectory}" is not an absolute path`)
  if (!path.startsWith(folder.endsWith('/') ? folder : `${folder}/`) || path.includes('\0')) {
    throw invalidArgument(`log_path "${container.logPath}" leads out of the log directory "${folder}"`)
  }
  return path
}

/** The signal that stops the container: its configuration's, or its image's, or SIGTERM. */
export function stopSignal(container: ContainerConfig, imageSignal: string): string {
  if (container.stopSignal !== Signal.RUNTIME_DEFAULT) return signalOfCri(container.stopSignal)
  if (imageSignal === '') return 'SIGTERM'
  // Refused now, not when the container is to be stopped.
  signalNumber(imageSignal)
  return imageSignal
}

/** CRI writes `SIGRTMINPLUS3` for what everybody else calls `SIGRTMIN+3`. */
function signalOfCri(signal: Signal): string {
  const name = SignalSchema.value[signal]?.name
  if (name === undefined) throw invalidArgument(`stop_signal: ${signal} is not a signal of CRI`)
  return name.replace(/^(SIGRT(?:MIN|MAX))(PLUS|MINUS)/, (_, base, sign) => `${base}${sign === 'PLUS' ? '+' : '-'}`)
}
