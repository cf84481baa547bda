import { readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { errnoOf } from '../../lib/errors.ts'

const known = new Map<string, string>()

/** The name of a block device as cAdvisor gives it, `/dev/vda`; its numbers when it has no name (a device without a disk). */
export function deviceName(major: number, minor: number): string {
  const numbers = `${major}:${minor}`
  let name = known.get(numbers)
  if (name === undefined) {
    name = look(numbers)
    known.set(numbers, name)
  }
  return name
}

function look(numbers: string): string {
  try {
    return `/dev/${basename(readlinkSync(`/sys/dev/block/${numbers}`))}`
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return numbers
    throw error
  }
}
