import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BerthError, errnoOf, failedPrecondition, messageOf, operationFailed } from '../../lib/errors.ts'
import { readIfThere } from './tree.ts'

/** A file of a cgroup and what is to be written to it. */
export interface Setting {
  readonly folder: string
  readonly file: string
  readonly value: string
}

/**
 * Writes settings in their order: all of them, or, when the kernel refuses one, none (what was written is put back in the
 * opposite order, so that every state in between is one that the kernel has already allowed). Not on the main thread: the
 * kernel may take seconds to reclaim memory for a lower limit.
 */
export async function applySettings(settings: readonly Setting[]): Promise<void> {
  const undo: Setting[] = []
  for (const setting of settings) {
    const before = readIfThere(setting.folder, setting.file)?.trim()
    if (before === setting.value) continue
    try {
      await write(setting)
    } catch (error) {
      await putBack(undo, setting)
      throw refused(setting, before, error)
    }
    if (before !== undefined) undo.unshift({ ...setting, value: before })
  }
}

/** The line end makes an empty value a write too. */
function write({ folder, file, value }: Setting): Promise<void> {
  return writeFile(join(folder, file), `${value}\n`, { flag: 'r+' })
}

async function putBack(undo: readonly Setting[], cause: Setting): Promise<void> {
  const failed: string[] = []
  for (const setting of undo) {
    await write(setting).catch((error) => failed.push(`${setting.file} to ${setting.value} (${messageOf(error)})`))
  }
  if (failed.length === 0) return
  throw operationFailed(`the kernel refused ${cause.file}, and then also to put back ${failed.join(', ')}`)
}

function refused({ folder, file, value }: Setting, before: string | undefined, error: unknown): BerthError {
  const what = `cannot set ${file} to ${value}`
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENODEV':
      return failedPrecondition(
        `${what}: there is no ${file} in ${folder}; the cgroup is gone or has no such limit`,
        error,
      )
    case 'EBUSY':
      return failedPrecondition(`${what}: more is in use and cannot be reclaimed; the limit stays ${before}`, error)
    default:
      return operationFailed(`${what} (it is ${before}): the kernel refused it, and nothing was changed`, error)
  }
}
