import { readFileSync } from 'node:fs'
import { withoutOctalEscapes } from '../lib/octal-escapes.ts'

/** A line of mountinfo, as far as Berth is concerned. */
export interface MountFacts {
  readonly mountPoint: string
  /** In a peer group: mounts made below appear in the group's other mounts, and the other way round. */
  readonly shared: boolean
  /** Receives the mounts of another group. */
  readonly slave: boolean
}

/** The mounts of this process's mount namespace, in the order of /proc/self/mountinfo. */
export function readMounts(): MountFacts[] {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
}

/** Every mount point, in the same order. */
export function listMountPoints(): string[] {
  return readMounts().map(({ mountPoint }) => mountPoint)
}

/** proc_pid_mountinfo(5): field 5 is the mount point with octal escapes, the optional fields end with a `-`. */
export function parseMounts(text: string): MountFacts[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ')
      const optional = fields.slice(6, fields.indexOf('-', 6))
      return {
        mountPoint: withoutOctalEscapes(fields[4] ?? ''),
        shared: optional.some((field) => field.startsWith('shared:')),
        slave: optional.some((field) => field.startsWith('master:')),
      }
    })
}

/** The mount that a path without links lies on: the longest mount point above it, the last one made there. */
export function mountOf(path: string, mounts: readonly MountFacts[]): MountFacts | undefined {
  let found: MountFacts | undefined
  for (const mount of mounts) {
    const { mountPoint } = mount
    const above = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`)
    if (above && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount
  }
  return found
}
