import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { runtimeSecondsOf } from '../machine/runtime-usage.ts'
import { type Case, interleaved } from '../run/bench.ts'
import type { Metric } from '../run/measurements.ts'

const time: Metric = { id: 'pull.time', title: 'pull + unpack', unit: 's', better: 'lower' }
const cpu: Metric = { id: 'pull.cpu', title: 'pull + unpack, CPU of the runtime', unit: 'CPU s', better: 'lower' }

const mostRounds = 7

/** PullImage (resolved, downloaded, verified, unpacked) into a store without the image. bench/push-image.ts makes one. */
export const pull: Case = {
  name: 'pull',
  lacks: ({ pullImages }) => (pullImages.length === 0 ? 'no --pull-image tells what to pull' : undefined),
  async run(bench) {
    for (const name of bench.options.pullImages) {
      const image = { image: name }
      await interleaved(bench, `pull ${name}`, Math.min(bench.options.rounds, mostRounds), async (endpoint) => {
        const { cri } = endpoint
        await cri.image.removeImage({ image })
        // What the removal and the turn before have left to do.
        await sleep(1000)
        execFileSync('sync')
        let seconds = 0
        const cpuSeconds = await runtimeSecondsOf(endpoint, async () => {
          const start = performance.now()
          await cri.image.pullImage({ image })
          seconds = (performance.now() - start) / 1000
        })
        bench.measurements.add(of(time, name, bench.options.pullImages), endpoint.name, seconds)
        bench.measurements.add(of(cpu, name, bench.options.pullImages), endpoint.name, cpuSeconds)
        const { image: present } = await cri.image.imageStatus({ image })
        if (!present) throw new Error(`${endpoint.name}: ${name} is not there after it was pulled`)
        await cri.image.removeImage({ image })
      })
    }
  },
}

/** With several images each is a metric of its own; the first keeps the plain id, which the targets know. */
function of(metric: Metric, image: string, all: readonly string[]): Metric {
  const at = all.indexOf(image)
  return { ...metric, id: at === 0 ? metric.id : `${metric.id}.${at}`, title: `${metric.title}, ${image}` }
}
