import { failedPrecondition, operationFailed } from '../../lib/errors.ts'
import { runCommand } from '../../linux/command.ts'
import { findProgram } from '../../linux/find-program.ts'
import type { Reaper } from '../../linux/reaper.ts'

export interface TarRequest {
  /** The archive, which must exist: its mode is kept. */
  readonly file: string
  readonly folder: string
  /** What of the folder goes in, in this order; folders without what is in them. */
  readonly paths: readonly string[]
  readonly signal: AbortSignal
}

/** Writes an archive with everything that files have: owners by number, extended attributes, holes. */
export async function writeTar(reaper: Reaper, { file, folder, paths, signal }: TarRequest): Promise<void> {
  const tar = findProgram('tar')
  if (tar === undefined) throw failedPrecondition('cannot write an archive: there is no program tar; install it')
  const kept = ['--format=posix', '--numeric-owner', '--sparse', '--xattrs', '--xattrs-exclude=trusted.overlay.*']
  const listed = ['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-']
  const result = await runCommand(reaper, {
    file: tar,
    args: ['--create', `--file=${file}`, '--force-local', ...kept, `--directory=${folder}`, ...listed],
    stdin: paths.map((path) => `${path}\0`).join(''),
    signal,
  })
  signal.throwIfAborted()
  // 1: a file has changed while it was read.
  if (result.exitCode <= 1) return
  throw operationFailed(`cannot write ${file}: ${result.stderr.toString('utf8').trim().split('\n').at(-1)}`)
}
