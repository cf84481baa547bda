import { readdirSync } from 'node:fs'
import { errnoOf } from '../../lib/errors.ts'

/** The huge page sizes of this machine, as the hugetlb controller names them: `64KB`, `2MB`, `1GB`. */
export function hugepageSizes(folder = '/sys/kernel/mm/hugepages'): string[] {
  try {
    return readdirSync(folder).map((name) => named(Number(/^hugepages-(\d+)kB$/.exec(name)?.[1])))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

function named(kilobytes: number): string {
  if (kilobytes >= 1 << 20) return `${kilobytes >> 20}GB`
  return kilobytes >= 1 << 10 ? `${kilobytes >> 10}MB` : `${kilobytes}KB`
}
