import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Access, wordsOf } from './access.ts'
import type { ObservedContainer } from './observe.ts'

export interface LogLimits {
  /** Bytes after which a log is put aside. */
  readonly maxBytes: number
  /** How many files a container may have, the one that is written to included. */
  readonly maxFiles: number
}

/** What the kubelet has by default. */
export const defaultLogLimits: LogLimits = { maxBytes: 10 << 20, maxFiles: 5 }

/**
 * Puts the logs of running containers aside that are too long, as the kubelet does: `0.log` becomes `0.log.<time>`,
 * older ones are compressed, the oldest removed. What cannot be rotated is told, and goes on as it is. A log that is missing
 * is made again.
 */
export async function rotateLogs(
  access: Access,
  containers: readonly ObservedContainer[],
  limits: LogLimits,
  now: number,
): Promise<void> {
  for (const container of containers) {
    if (container.state !== 'running' || container.logPath === '') continue
    const size = statSync(container.logPath, { throwIfNoEntry: false })?.size
    if (size !== undefined && size <= limits.maxBytes) continue
    try {
      if (size !== undefined) await rotate(access, container, limits, now)
      // An agent that was killed between the two steps has left none.
      else await access.cri.runtime.reopenContainerLog({ containerId: container.id }, access.work)
    } catch (error) {
      access.note(`the log ${container.logPath} cannot be rotated: ${wordsOf(error)}`)
    }
  }
}

async function rotate(
  { cri, work }: Access,
  { id: containerId, logPath }: ObservedContainer,
  { maxFiles }: LogLimits,
  now: number,
): Promise<void> {
  const folder = dirname(logPath)
  const prefix = `${basename(logPath)}.`
  const put = readdirSync(folder).filter((name) => name.startsWith(prefix))
  for (const name of put.filter((name) => name.endsWith('.tmp'))) rmSync(join(folder, name))
  const rotated = put.filter((name) => !name.endsWith('.tmp')).toSorted()
  // Beside the log itself and the one that it becomes now.
  const excess = rotated.splice(0, Math.max(0, rotated.length - Math.max(0, maxFiles - 2)))
  for (const name of excess) rmSync(join(folder, name))
  for (const name of rotated.filter((name) => !name.endsWith('.gz'))) await compress(join(folder, name))
  if (maxFiles < 2) rmSync(logPath)
  const aside = join(folder, prefix + stamp(now))
  if (maxFiles >= 2) renameSync(logPath, aside)
  try {
    await cri.runtime.reopenContainerLog({ containerId }, work)
  } catch (error) {
    // Its answer may be what is missing.
    if (maxFiles >= 2 && !existsSync(logPath)) renameSync(aside, logPath)
    throw error
  }
}

async function compress(path: string): Promise<void> {
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.tmp`, { mode: 0o640 }))
  renameSync(`${path}.tmp`, `${path}.gz`)
  rmSync(path)
}

/** `20260102-030405`, as the kubelet names them. */
function stamp(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
}
