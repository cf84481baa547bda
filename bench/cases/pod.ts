import { type Bench, type Case, interleaved } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { assertRuns, type DownTimes, podDown, podPrefix, podUp, type UpTimes } from '../workload/pod.ts'

const ms = (id: string, title: string): Metric => ({ id: `pod.${id}`, title, unit: 'ms', better: 'lower' })

const up = ms('up', 'pod up')
const down = ms('down', 'pod down')
const upParts: Readonly<Record<keyof UpTimes, Metric>> = {
  runPodSandbox: ms('runPodSandbox', 'RunPodSandbox'),
  createContainer: ms('createContainer', 'CreateContainer'),
  startContainer: ms('startContainer', 'StartContainer'),
}
const downParts: Readonly<Record<keyof DownTimes, Metric>> = {
  stopContainer: ms('stopContainer', 'StopContainer'),
  stopPodSandbox: ms('stopPodSandbox', 'StopPodSandbox'),
  removeContainer: ms('removeContainer', 'RemoveContainer'),
  removePodSandbox: ms('removePodSandbox', 'RemovePodSandbox'),
}

/** These rounds fill caches and are not counted. */
const warmUp = 2

/** A pod of one container, up and down again, one at a time. */
export const pod: Case = {
  name: 'pod',
  async run(bench) {
    await interleaved(bench, 'pod up and down', bench.options.rounds + warmUp, async (endpoint, round) => {
      const { upTimes, downTimes } = await life(bench, endpoint, round)
      if (round < warmUp) return
      record(bench, endpoint, upParts, upTimes, up)
      record(bench, endpoint, downParts, downTimes, down)
    })
  },
}

async function life(bench: Bench, endpoint: Endpoint, round: number) {
  const { folder } = bench
  const pod = await podUp(endpoint, { name: `${podPrefix}${endpoint.name}-${round}`, folder })
  await assertRuns(pod)
  return { upTimes: pod.times, downTimes: await podDown(endpoint, pod) }
}

function record<K extends string>(
  { measurements }: Bench,
  { name }: Endpoint,
  parts: Readonly<Record<K, Metric>>,
  times: Readonly<Record<K, number>>,
  whole: Metric,
): void {
  let sum = 0
  for (const part of Object.keys(parts) as K[]) {
    measurements.add(parts[part], name, times[part])
    sum += times[part]
  }
  measurements.add(whole, name, sum)
}
