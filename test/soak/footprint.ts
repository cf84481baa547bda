import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { processesWithArgument } from '../../src/linux/find-processes.ts'
import type { Berthd } from '../harness/berthd.ts'

/** The shims of a berthd, by pid. */
export function shimsOf(berthd: Berthd): number[] {
  const folder = join(berthd.place.state, 'shims/')
  return processesWithArgument((argument) => argument.startsWith(folder) && argument.endsWith('.sock')).map(
    ({ pid }) => pid,
  )
}

/** What berthd and its shims take: `berthd 80.1 MB (private 60.0), 40 descriptors; shim …`. */
export function footprints(berthd: Berthd): string {
  const shims = shimsOf(berthd).map((pid) => `shim ${footprint(pid)}`)
  return [`berthd ${footprint(berthd.pid)}`, ...shims].join('; ')
}

/** Memory as smaps_rollup has it (proc_pid_smaps(5)). */
function footprint(pid: number): string {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const megabytes = (field: string) => {
    const sizes = [...rollup.matchAll(new RegExp(`^${field}: +(\\d+) kB`, 'gm'))].map(([, kilobytes]) =>
      Number(kilobytes),
    )
    return (sizes.reduce((sum, size) => sum + size, 0) / 1024).toFixed(1)
  }
  const open = readdirSync(`/proc/${pid}/fd`).length
  return `RSS ${megabytes('Rss')} MB, PSS ${megabytes('Pss')}, private ${megabytes('Private_\\w+')}, ${open} descriptors`
}
