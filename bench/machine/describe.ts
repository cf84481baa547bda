import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'

/** What results are worth little without. */
export interface Machine {
  readonly cpus: number
  readonly cpuModel: string
  readonly memoryMib: number
  readonly kernel: string
  /** `Debian GNU/Linux 12 (bookworm)`. */
  readonly system: string
  /** The first line of `runc --version`. What the runtimes use is what they are configured to. */
  readonly ociRuntime: string
  readonly node: string
  /** Of 1, 5 and 15 minutes. */
  readonly loadAtStart: readonly number[]
}

export function describeMachine(): Machine {
  const all = cpus()
  return {
    cpus: all.length,
    cpuModel: all[0]?.model.trim() ?? 'unknown CPU',
    memoryMib: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown system',
    ociRuntime: runcVersion(),
    node: process.version,
    loadAtStart: loadavg(),
  }
}

function runcVersion(): string {
  try {
    const [first = ''] = execFileSync('runc', ['--version'], { encoding: 'utf8' }).split('\n')
    return first.replace(' version', '')
  } catch {
    return 'no runc on PATH'
  }
}
