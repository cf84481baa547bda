import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { peakMemoryDuring } from '../machine/peak-memory.ts'
import { runtimeSecondsOf } from '../machine/runtime-usage.ts'
import { type Bench, type Case, interleaved } from '../run/bench.ts'
import type { Metric } from '../run/measurements.ts'

const time: Metric = { id: 'pull.time', title: 'pull + unpack', unit: 's', better: 'lower' }
const cpu: Metric = { id: 'pull.cpu', title: 'pull + unpack, CPU of the runtime', unit: 'CPU s', better: 'lower' }
const peak: Metric = {
  id: 'pull.peak',
  title: 'pull + unpack, peak memory of the daemon',
  unit: 'MiB',
  better: 'lower',
}

const mostRounds = 7

/**
 * PullImage (resolved, downloaded, verified, unpacked) into a store without the image. bench/push-image.ts makes one. With
 * `{round}` in its name, and an image for each, nothing is deleted before the last turn of the last of them: ext4 makes files
 * slowly for some minutes where many have been deleted.
 */
export const pull: Case = {
  name: 'pull',
  lacks: ({ pullImages }) => (pullImages.length === 0 ? 'no --pull-image tells what to pull' : undefined),
  async run(bench) {
    const rounds = Math.min(bench.options.rounds, mostRounds)
    const nameIn = (name: string, round: number) => name.replaceAll('{round}', String(round + 1))
    const removeAll = async () => {
      for (const name of bench.options.pullImages) {
        for (let round = 0; round < rounds; round++) await removeEverywhere(bench, nameIn(name, round))
      }
    }
    await removeAll()
    for (const name of bench.options.pullImages) {
      await interleaved(bench, `pull ${name}`, rounds, async (endpoint, round) => {
        const { cri } = endpoint
        const image = { image: nameIn(name, round) }
        // What the turn before has left to do.
        await sleep(1000)
        execFileSync('sync')
        let seconds = 0
        let cpuSeconds = 0
        const peakMib = await peakMemoryDuring(endpoint, async () => {
          cpuSeconds = await runtimeSecondsOf(endpoint, async () => {
            const start = performance.now()
            await cri.image.pullImage({ image })
            seconds = (performance.now() - start) / 1000
          })
        })
        bench.measurements.add(of(time, name, bench.options.pullImages), endpoint.name, seconds)
        bench.measurements.add(of(cpu, name, bench.options.pullImages), endpoint.name, cpuSeconds)
        bench.measurements.add(of(peak, name, bench.options.pullImages), endpoint.name, peakMib)
        const { image: present } = await cri.image.imageStatus({ image })
        if (!present) throw new Error(`${endpoint.name}: ${image.image} is not there after it was pulled`)
        if (image.image === name) await cri.image.removeImage({ image })
      })
    }
    await removeAll()
  },
}

async function removeEverywhere(bench: Bench, image: string): Promise<void> {
  for (const { cri } of bench.endpoints) await cri.image.removeImage({ image: { image } })
}

/** With several images each is a metric of its own; the first keeps the plain id, which the targets know. */
function of(metric: Metric, image: string, all: readonly string[]): Metric {
  const at = all.indexOf(image)
  return { ...metric, id: at === 0 ? metric.id : `${metric.id}.${at}`, title: `${metric.title}, ${image}` }
}
