import { closeSync, mkdirSync, openSync, readSync, writeFileSync, chmodSync, constants, fstatSync } from 'node:fs'
import { join } from 'node:path'
import { messagePolicyAnnotation } from './marks.ts'
import type { ObservedContainer } from './observe.ts'

/** Bytes, as the kubelet has them. */
const longestMessage = 4096
const longestFromLog = 2048

/** The file that is mounted into a container for it to say why it ended. */
export const messagePath = (volumesFolder: string, uid: string, container: string, attempt: number) =>
  join(volumesFolder, uid, '.termination', container, String(attempt))

/** Makes the file; containers of any user may write to it. */
export function makeMessageFile(volumesFolder: string, uid: string, container: string, attempt: number): string {
  const path = messagePath(volumesFolder, uid, container, attempt)
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o755 })
  writeFileSync(path, '')
  chmodSync(path, 0o666)
  return path
}

/** Why a container ended, in its own words: what it wrote to that file, or the end of its log if it is so ordered. */
export function readMessage(volumesFolder: string, uid: string, container: ObservedContainer): string {
  const written = endOf(messagePath(volumesFolder, uid, container.name, container.attempt), longestMessage)
  const fallback =
    container.annotations[messagePolicyAnnotation] === 'FallbackToLogsOnError' && container.exitCode !== 0
  if (written.trim() !== '' || !fallback) return written.trim()
  // Without the time, stream and tag that stand before each line.
  const lines = endOf(container.logPath, 4 * longestFromLog).split('\n')
  const texts = lines.map((line) => line.replace(/^\S+ (stdout|stderr) [FP] /, ''))
  return texts.slice(-81).join('\n').trim().slice(-longestFromLog)
}

function endOf(path: string, longest: number): string {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch {
    return ''
  }
  try {
    const bytes = Buffer.alloc(longest)
    const { size } = fstatSync(file)
    return bytes.subarray(0, readSync(file, bytes, 0, longest, Math.max(0, size - longest))).toString()
  } finally {
    closeSync(file)
  }
}
