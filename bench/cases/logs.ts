import { execFileSync } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runtimeSecondsOf } from '../machine/runtime-usage.ts'
import { type Bench, type Case, interleaved } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { checkLog } from '../workload/check-log.ts'
import { endOf } from '../workload/container-log.ts'
import { Fleet } from '../workload/fleet.ts'
import { endLine, type LineKind, lineOf, logScript, orderOf } from '../workload/log-script.ts'
import { removePod } from '../workload/pod.ts'

/** How many lines all containers together write in a round. */
const totalLines: Readonly<Record<LineKind, number>> = { short: 1_000_000, long: 20_000 }

const mostRounds = 30

/** Milliseconds. */
const patience = 180_000

interface Writers {
  readonly id: 'one' | 'fifty'
  readonly count: number
  readonly words: string
}

const writers: readonly Writers[] = [
  { id: 'one', count: 1, words: 'one container' },
  { id: 'fifty', count: 50, words: '50 containers at once' },
]

const rate = ({ id, words }: Writers, kind: LineKind): Metric => ({
  id: `logs.${id}.${kind}.rate`,
  title: `log throughput, ${words}, ${kind} lines`,
  unit: 'MB/s',
  better: 'higher',
})
const cpu = ({ id, words }: Writers, kind: LineKind): Metric => ({
  id: `logs.${id}.${kind}.cpu`,
  title: `CPU of the runtime for the logs of ${words}, ${kind} lines`,
  unit: 'CPU s',
  better: 'lower',
})

/** Containers that write as fast as their runtime takes it; every line must be in the log. */
export const logs: Case = {
  name: 'logs',
  async run(bench) {
    for (const group of writers) await measureGroup(bench, group)
  },
}

async function measureGroup(bench: Bench, group: Writers): Promise<void> {
  const rounds = Math.min(bench.options.rounds, mostRounds)
  const fleets = new Map<Endpoint, LogFleet>()
  for (const endpoint of bench.endpoints) {
    bench.progress(`logs: ${group.count} pods of ${endpoint.name}`)
    fleets.set(endpoint, await LogFleet.start(bench, endpoint, group, rounds * 2))
  }
  for (const [at, kind] of (['short', 'long'] as const).entries()) {
    await interleaved(bench, `logs of ${group.words}, ${kind} lines`, rounds, async (endpoint, round) => {
      const fleet = fleets.get(endpoint)
      if (!fleet) return
      let seconds = 0
      const lines = totalLines[kind] / group.count
      const cpuSeconds = await runtimeSecondsOf(endpoint, async () => {
        seconds = await fleet.write(at * rounds + round, kind, lines)
      })
      fleet.check(at * rounds + round, kind, lines)
      const megabytes = (group.count * lines * (lineOf(kind, lines).length + 1)) / 1e6
      bench.measurements.add(rate(group, kind), endpoint.name, megabytes / seconds)
      bench.measurements.add(cpu(group, kind), endpoint.name, cpuSeconds)
    })
  }
  for (const fleet of fleets.values()) await fleet.remove()
}

/** Pods that write logs when they are told to. */
class LogFleet {
  readonly #fleet: Fleet
  readonly #folder: string
  /** How long each log was before the round, by its file. */
  readonly #before = new Map<string, number>()

  private constructor(fleet: Fleet, folder: string) {
    this.#fleet = fleet
    this.#folder = folder
  }

  static async start(bench: Bench, endpoint: Endpoint, { id, count }: Writers, rounds: number): Promise<LogFleet> {
    const folder = join(bench.folder, `orders-${endpoint.name}-${id}`)
    mkdirSync(folder)
    // One more than there are rounds: the last one is waited for in vain.
    for (let round = 0; round <= rounds; round++) execFileSync('mkfifo', [join(folder, `go-${round}`)])
    const fleet = new Fleet(endpoint, bench.folder)
    await fleet.grow(count, { mount: folder, script: logScript })
    return new LogFleet(fleet, folder)
  }

  /** All of them write; answers the seconds until the last line of each is in its log. */
  async write(round: number, kind: LineKind, lines: number): Promise<number> {
    writeFileSync(join(this.#folder, 'order'), orderOf(kind, lines))
    const waiting = new Set(this.#fleet.pods.map(({ logFile }) => logFile))
    for (const file of waiting) this.#before.set(file, statSync(file).size)
    const start = performance.now()
    // Open both ways, so that a container which comes late does not wait for another writer.
    const go = openSync(join(this.#folder, `go-${round}`), 'r+')
    try {
      while (waiting.size > 0) {
        for (const file of waiting) if ((await endOf(file, 64)).endsWith(` ${endLine(round)}\n`)) waiting.delete(file)
        if (performance.now() - start > patience) throw new Error(`no end of round ${round} in ${[...waiting][0]}`)
        await sleep(10)
      }
      return (performance.now() - start) / 1000
    } finally {
      closeSync(go)
    }
  }

  /** Every log has what was to be written in the round, whole. */
  check(round: number, kind: LineKind, lines: number): void {
    for (const { logFile, name } of this.#fleet.pods) {
      try {
        checkLog(readFrom(logFile, this.#before.get(logFile) ?? 0), kind, lines, round)
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
      }
    }
  }

  remove(): Promise<void> {
    return this.#fleet.remove(removePod)
  }
}

/** What a file has from an offset on, as Latin-1. */
function readFrom(file: string, offset: number): string {
  const fd = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(fstatSync(fd).size - offset)
    let filled = 0
    while (filled < buffer.length) {
      const read = readSync(fd, buffer, filled, buffer.length - filled, offset + filled)
      if (read === 0) break
      filled += read
    }
    return buffer.toString('latin1', 0, filled)
  } finally {
    closeSync(fd)
  }
}
