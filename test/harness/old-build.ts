import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './berthd.ts'

/**
 * Puts the source of an earlier commit into a folder, ready to run with the packages that are installed. Answers why not when the
 * commit is not here: a shallow clone, or a source package.
 */
export function oldBuild(commit: string, folder: string): string | undefined {
  const archive = spawnSync('git', ['-C', repository, 'archive', commit, 'src', 'package.json'], {
    maxBuffer: 64 << 20,
  })
  if (archive.status !== 0) return `commit ${commit} is not here: ${archive.stderr || archive.error?.message}`.trim()
  mkdirSync(folder, { recursive: true })
  const unpacked = spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout })
  if (unpacked.status !== 0) throw new Error(`tar: ${String(unpacked.stderr)}`)
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  return undefined
}
