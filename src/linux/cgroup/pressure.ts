import type { CgroupUsage, Pressure, PressureLine } from './usage.ts'
import { readIfThere } from './tree.ts'

/** The pressure files of a cgroup folder; none when the kernel has none. */
export function readPressure(folder: string): Pick<CgroupUsage, 'pressure'> {
  const cpu = pressureOf(folder, 'cpu.pressure')
  const memory = pressureOf(folder, 'memory.pressure')
  const io = pressureOf(folder, 'io.pressure')
  if (!cpu && !memory && !io) return {}
  return { pressure: { ...(cpu && { cpu }), ...(memory && { memory }), ...(io && { io }) } }
}

function pressureOf(folder: string, file: string): Pressure | undefined {
  return parsePressure(readIfThere(folder, file) ?? '')
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, then the same with `full`. */
export function parsePressure(text: string): Pressure | undefined {
  const lines = text.split('\n')
  const some = parseLine(lines, 'some')
  const full = parseLine(lines, 'full')
  return some && { some, ...(full && { full }) }
}

function parseLine(lines: readonly string[], kind: string): PressureLine | undefined {
  const line = lines.find((each) => each.startsWith(`${kind} `))
  if (line === undefined) return undefined
  const [, avg10, avg60, avg300, total] = line.split(' ').map((word) => Number(word.slice(word.indexOf('=') + 1)))
  return { avg10: avg10 ?? 0, avg60: avg60 ?? 0, avg300: avg300 ?? 0, totalUs: total ?? 0 }
}
