import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { errnoOf, failedPrecondition, messageOf } from '../../lib/errors.ts'
import { type CdiSpec, type ContainerEdits, parseCdiSpec, parseDeviceName } from './cdi-spec.ts'

interface FoundSpec {
  readonly file: string
  /** Of its folder: a later folder goes before an earlier one. */
  readonly priority: number
  readonly spec: CdiSpec
}

/**
 * The edits of the named devices, in order, those of a file before those of its devices and each file's once. The files are
 * read anew at each call: device plugins write them at any time. Throws failed-precondition for a device that no file has.
 */
export function findCdiEdits(names: readonly string[], folders: readonly string[]): ContainerEdits[] {
  if (names.length === 0) return []
  const problems: string[] = []
  const found = folders.flatMap((folder, priority) => readFolder(folder, priority, problems))
  const used = new Set<FoundSpec>()
  return names.flatMap((name) => {
    const { kind, device } = parseDeviceName(name)
    const holders = found.filter(({ spec }) => spec.kind === kind && spec.devices.some((each) => each.name === device))
    const highest = Math.max(...holders.map(({ priority }) => priority))
    const [holder, rival] = holders.filter(({ priority }) => priority === highest)
    if (!holder) {
      const broken = problems.length > 0 ? `; files that cannot be used: ${problems.join('; ')}` : ''
      throw failedPrecondition(`no CDI device ${name} is described in ${folders.join(' or ')}${broken}`)
    }
    if (rival) throw failedPrecondition(`CDI device ${name} is described twice, in ${holder.file} and ${rival.file}`)
    const first = !used.has(holder)
    used.add(holder)
    const ofDevice = holder.spec.devices.find((each) => each.name === device)
    return [
      ...(first && holder.spec.containerEdits ? [holder.spec.containerEdits] : []),
      ...(ofDevice ? [ofDevice.containerEdits] : []),
    ]
  })
}

function readFolder(folder: string, priority: number, problems: string[]): FoundSpec[] {
  return listed(folder).flatMap((name) => {
    const file = join(folder, name)
    try {
      const text = readFileSync(file, 'utf8')
      return [{ file, priority, spec: parseCdiSpec(name.endsWith('.json') ? JSON.parse(text) : parse(text)) }]
    } catch (error) {
      // One broken file must not take the devices of all others.
      problems.push(`${file}: ${messageOf(error)}`)
      return []
    }
  })
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(json|yaml)$/.test(name))
      .sort()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
