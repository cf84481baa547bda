import { type Bench, type Case, interleaved } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { assertRuns, podDown, podPrefix, podUp } from '../workload/pod.ts'

const atOnce = 4
/** Pods of each of those in one turn. */
const podsEach = 3

const rate: Metric = {
  id: 'parallel.rate',
  title: 'pods per second, up and down, 4 at a time',
  unit: '1/s',
  better: 'higher',
}
const up: Metric = { id: 'parallel.up', title: 'pod up, 4 at a time', unit: 'ms', better: 'lower' }

/** Whole lives of pods, four at a time. */
export const parallel: Case = {
  name: 'parallel',
  async run(bench) {
    const rounds = Math.max(2, Math.ceil(bench.options.rounds / 6))
    await interleaved(bench, '4 pods at a time', rounds, async (endpoint, round) => {
      const start = performance.now()
      const workers = Array.from({ length: atOnce }, (_, worker) => lives(bench, endpoint, `${round}-${worker}`))
      await Promise.all(workers)
      bench.measurements.add(rate, endpoint.name, (atOnce * podsEach * 1000) / (performance.now() - start))
    })
  },
}

async function lives(bench: Bench, endpoint: Endpoint, label: string): Promise<void> {
  const { folder, measurements } = bench
  for (let at = 0; at < podsEach; at++) {
    const name = `${podPrefix}${endpoint.name}-${label}-${at}`
    const pod = await podUp(endpoint, { name, folder })
    const { runPodSandbox, createContainer, startContainer } = pod.times
    measurements.add(up, endpoint.name, runPodSandbox + createContainer + startContainer)
    await assertRuns(pod)
    await podDown(endpoint, pod)
  }
}
