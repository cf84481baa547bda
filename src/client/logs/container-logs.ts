import { ContainerState } from '../../gen/cri_pb.ts'
import type { CriConnection } from '../connect.ts'
import { CriError } from '../cri-error.ts'
import { asCriError } from '../own-errors.ts'
import { followLines } from './follow.ts'
import { type LogLine, parseLogLine } from './line.ts'
import { tailPosition } from './tail.ts'

export interface LogOptions {
  /** Go on until the container has ended, across rotations of the log. */
  readonly follow?: boolean
  /** Only so many of the last lines; all when absent. */
  readonly tail?: number
  readonly signal?: AbortSignal
}

/**
 * The log of a container, line by line. CRI has no call for it: the runtime says where its file is, so this works on the node
 * alone, for those who may read it.
 *
 *     for await (const { stream, text } of containerLogs(cri, containerId, { follow: true })) console.log(stream, String(text))
 *
 * The bytes of a line are valid until the next one is asked for. Lines that are not in CRI's format are left out.
 *
 * @throws {CriError} NOT_FOUND when there is no such container or it has no log; CANCELLED when the signal fires
 */
export async function* containerLogs(
  cri: CriConnection,
  containerId: string,
  { follow = false, tail, signal = new AbortController().signal }: LogOptions = {},
): AsyncGenerator<LogLine, void, undefined> {
  const call = { method: 'ContainerStatus', endpoint: cri.endpoint }
  const { status } = await cri.runtime.containerStatus({ containerId }, { signal })
  if (!status?.logPath) throw new CriError('NOT_FOUND', `container ${containerId} has no log`, call)
  const lines = followLines(status.logPath, {
    start: async (handle) => (tail === undefined ? 0 : tailPosition(handle, tail)),
    follow,
    isOver: async () => !(await mayWrite(cri, containerId)),
    signal,
  })
  try {
    for await (const line of lines) {
      const parsed = parseLogLine(line)
      if (parsed) yield parsed
    }
  } catch (error) {
    throw asCriError(call, signal, error)
  }
}

async function mayWrite(cri: CriConnection, containerId: string): Promise<boolean> {
  try {
    const { status } = await cri.runtime.containerStatus({ containerId })
    return status?.state === ContainerState.CONTAINER_RUNNING || status?.state === ContainerState.CONTAINER_CREATED
  } catch (error) {
    if (error instanceof CriError && error.codeName === 'NOT_FOUND') return false
    throw error
  }
}
