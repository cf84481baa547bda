/**
 * Pulls images through CRI endpoints in turn, each time into a store without them, and prints a Markdown table: seconds of
 * PullImage (resolved, downloaded, verified, unpacked), CPU seconds of the runtime's process and its children, and its peak
 * memory. The first endpoint is what the others are compared with.
 *
 *     node bench/pull.ts --runs 5 --image 127.0.0.1:5099/bench/six:v{round} \
 *       containerd=unix:///run/containerd/containerd.sock berth=unix:///run/berth/berth.sock
 *
 * `{round}` is the number of the run: with an image for each (bench/push-image.ts --variant) nothing is deleted before the last
 * pull is done. ext4 makes files slowly for some minutes where many have been deleted, which would be measured otherwise.
 *
 * Needs root on the machine of the runtimes. It removes the images that it is told to pull.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type CriConnection, connect } from '../src/client/index.ts'

interface Runtime {
  readonly name: string
  readonly cri: CriConnection
  readonly pid: number
}

interface Run {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMib: number
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { image: { type: 'string', multiple: true, default: [] }, runs: { type: 'string', default: '5' } },
})
const runtimes = positionals.map((text): Runtime => {
  const [, name, socket] = /^([^=]+)=unix:\/\/(.+)$/.exec(text) ?? []
  if (!name || !socket) throw new Error(`"${text}" is not name=unix:///path`)
  return { name, cri: connect(`unix://${socket}`), pid: serverOf(socket) }
})
try {
  for (const image of values.image) print(image, await measure(image, Number(values.runs)))
} finally {
  for (const { cri } of runtimes) cri.close()
}

async function measure(image: string, runs: number): Promise<Map<string, Run[]>> {
  const results = new Map(runtimes.map(({ name }) => [name, [] as Run[]]))
  const images = Array.from({ length: runs }, (_, run) => image.replaceAll('{round}', String(run + 1)))
  await removeAll(images)
  for (const [run, name] of images.entries()) {
    for (const runtime of runtimes) {
      // What the run before has left to do.
      await sleep(1000)
      execFileSync('sync')
      const result = await pull(runtime, name)
      results.get(runtime.name)?.push(result)
      process.stderr.write(`${name} run ${run + 1} ${runtime.name} ${result.seconds.toFixed(2)} s\n`)
      if (images.includes(name, run + 1)) await removeAll([name])
    }
  }
  await removeAll(images)
  return results
}

async function removeAll(images: readonly string[]): Promise<void> {
  for (const { cri } of runtimes) for (const image of images) await cri.image.removeImage({ image: { image } })
}

async function pull({ cri, pid }: Runtime, image: string): Promise<Run> {
  // proc_pid_clear_refs(5): 5 sets the peak to the present.
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const cpuBefore = cpuSecondsOf(pid)
  const start = performance.now()
  await cri.image.pullImage({ image: { image } })
  const seconds = (performance.now() - start) / 1000
  return { seconds, cpuSeconds: cpuSecondsOf(pid) - cpuBefore, peakMib: peakMibOf(pid) }
}

function print(image: string, results: ReadonlyMap<string, readonly Run[]>): void {
  const [first] = [...results.values()]
  const base = median((first ?? []).map(({ seconds }) => seconds))
  say(`\n${image}\n`)
  say('| runtime | seconds, each run | median | times as fast | CPU s (median) | peak memory, MiB |')
  say('|---|---|---|---|---|---|')
  for (const [name, runs] of results) {
    const seconds = runs.map((run) => run.seconds)
    const cells = [
      name,
      seconds.map((value) => value.toFixed(2)).join(' '),
      median(seconds).toFixed(2),
      (base / median(seconds)).toFixed(2),
      median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      Math.max(...runs.map(({ peakMib }) => peakMib)).toFixed(0),
    ]
    say(`| ${cells.join(' | ')} |`)
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** User and system time, also of children that have ended (proc_pid_stat(5), in ticks of 10 ms). */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100
}

function peakMibOf(pid: number): number {
  return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** The process that listens on a unix socket. */
function serverOf(socket: string): number {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n')
  // Flags 00010000: it listens.
  const inodes = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , flags, , , , path]) => flags === '00010000' && path === socket)
  const links = new Set(inodes.map(([, , , , , , inode]) => `socket:[${inode}]`))
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    try {
      if (readdirSync(`/proc/${pid}/fd`).some((fd) => links.has(readlinkSync(`/proc/${pid}/fd/${fd}`))))
        return Number(pid)
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`nobody listens on ${socket}`)
}
