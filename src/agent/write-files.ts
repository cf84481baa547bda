import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { VolumeFile } from '../manifest/volume-files.ts'

/**
 * Puts files into a folder so that who reads them sees all of the old or all of the new ones, as the kubelet does:
 * they are in
 * a folder of their own, to which the link `..data` leads, and each has a link through it. Answers whether anything
 * changed.
 *
 * @param group the group that they belong to, if it is said
 */
export function writeFiles(folder: string, files: ReadonlyMap<string, VolumeFile>, group: number | undefined): boolean {
  const data = join(folder, '..data')
  const before = linkAt(data)
  if (before !== undefined && isSame(join(folder, before), files, group)) return false
  const next = mkdtempSync(join(folder, '..files_'))
  chmodSync(next, 0o755)
  for (const [path, { content, mode }] of files) {
    const target = join(next, path)
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
    writeFileSync(target, content)
    if (group !== undefined) chownSync(target, 0, group)
    chmodSync(target, modeFor(mode, group))
  }
  const link = join(folder, '..data_tmp')
  rmSync(link, { force: true })
  symlinkSync(next.slice(folder.length + 1), link)
  renameSync(link, data)
  const names = new Set(Array.from(files.keys(), (path) => path.split('/')[0] ?? path))
  for (const name of readdirSync(folder)) if (!name.startsWith('..') && !names.has(name)) rmSync(join(folder, name))
  for (const name of names)
    if (linkAt(join(folder, name)) === undefined) symlinkSync(join('..data', name), join(folder, name))
  if (before !== undefined) rmSync(join(folder, before), { recursive: true, force: true })
  return true
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Whoever is in the group of a volume may read its files. */
const modeFor = (mode: number, group: number | undefined) => (group === undefined ? mode : mode | 0o440)

function isSame(folder: string, files: ReadonlyMap<string, VolumeFile>, group: number | undefined): boolean {
  const there = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  if (there.length !== files.size) return false
  return Array.from(files).every(([path, { content, mode }]) => {
    const target = join(folder, path)
    const stats = statSync(target, { throwIfNoEntry: false })
    return stats !== undefined && (stats.mode & 0o777) === modeFor(mode, group) && readFileSync(target).equals(content)
  })
}
