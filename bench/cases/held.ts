import { setTimeout as sleep } from 'node:timers/promises'
import { RuntimeService } from '../../src/client/index.ts'
import { type Process, programOf } from '../machine/processes.ts'
import { memoryOf, runtimeProcesses, runtimeSecondsOf } from '../machine/runtime-usage.ts'
import { type Bench, type Case, pauseBetweenTurns } from '../run/bench.ts'
import type { Endpoint } from '../run/endpoint.ts'
import type { Metric } from '../run/measurements.ts'
import { median } from '../statistics.ts'
import { Fleet } from '../workload/fleet.ts'
import { ListCalls, warmUpListCalls } from '../workload/list-calls.ts'
import { assertRuns, podDown, podPrefix, podUp } from '../workload/pod.ts'

const { listPodSandbox, listContainers, listContainerStats } = RuntimeService.method

const metric = (id: string, title: string, unit: Metric['unit']): Metric => ({
  id: `held.${id}`,
  title,
  unit,
  better: 'lower',
})

const metrics = {
  up: metric('up', 'pod up', 'ms'),
  memory: metric('memory', "memory of all of the runtime's processes (PSS)", 'MiB'),
  memoryPerPod: metric('memoryPerPod', 'memory for each pod added, 50 to 200 (PSS)', 'KiB'),
  idleCpu: metric('idleCpu', 'CPU of the runtime, idle, of a core', '%'),
  polledCpu: metric('polledCpu', 'CPU of the runtime, polled each second, of a core', '%'),
  listPodSandbox: metric('listPodSandbox', 'ListPodSandbox', 'ms'),
  listContainers: metric('listContainers', 'ListContainers', 'ms'),
  listContainerStats: metric('listContainerStats', 'ListContainerStats', 'ms'),
  upGrowth: metric('upGrowth', 'pod up with 200 pods / pod up with 10 (p50)', 'times'),
}

/** So many more pods, one at a time, at each level, unless there are fewer rounds. */
const mostExtraPods = 20
/** Lists are quick: so many of each. */
const listRounds = 20
/** After the last pod a runtime may still have to do; milliseconds. */
const settle = 3000

/**
 * A machine with 1, 10, 50, … pods: what another pod takes, and what the runtime takes for those that are there. One endpoint
 * after the other, so that only its own pods are on the machine.
 */
export const held: Case = {
  name: 'held',
  async run(bench) {
    await warmUpListCalls()
    for (const endpoint of bench.endpoints) await measureEndpoint(bench, endpoint)
  },
}

async function measureEndpoint(bench: Bench, endpoint: Endpoint): Promise<void> {
  const { measurements, options, folder } = bench
  using lists = new ListCalls(endpoint.socket)
  const fleet = new Fleet(endpoint, folder)
  const memory = new Map<number, number>()
  const up = new Map<number, number>()
  for (const level of options.levels) {
    bench.progress(`held: ${endpoint.name} with ${level} pods`)
    await fleet.grow(level)
    up.set(level, median(await measureUp(bench, endpoint, level)))
    await sleep(settle)
    const processes = runtimeProcesses(endpoint)
    memory.set(level, memoryOf(processes))
    measurements.add(metrics.memory, endpoint.name, memoryOf(processes), level)
    if (level === options.levels.at(-1)) bench.note(`${endpoint.name} with ${level} pods: ${namesOf(processes)}.`)
    await measureCpu(bench, endpoint, lists, level)
    await measureLists(bench, endpoint, lists, level)
  }
  const added = ((memory.get(200) ?? Number.NaN) - (memory.get(50) ?? Number.NaN)) / 150
  if (!Number.isNaN(added)) measurements.add(metrics.memoryPerPod, endpoint.name, added * 1024)
  const growth = (up.get(200) ?? Number.NaN) / (up.get(10) ?? Number.NaN)
  if (!Number.isNaN(growth)) measurements.add(metrics.upGrowth, endpoint.name, growth)
  bench.progress(`held: ${endpoint.name} removes them`)
  await fleet.remove()
}

async function measureUp(
  { measurements, folder, options }: Bench,
  endpoint: Endpoint,
  level: number,
): Promise<number[]> {
  const values: number[] = []
  for (let at = 0; at < Math.min(options.rounds, mostExtraPods); at++) {
    await sleep(pauseBetweenTurns)
    const pod = await podUp(endpoint, { name: `${podPrefix}${endpoint.name}-extra-${level}-${at}`, folder })
    const { runPodSandbox, createContainer, startContainer } = pod.times
    values.push(runPodSandbox + createContainer + startContainer)
    await assertRuns(pod)
    await podDown(endpoint, pod)
  }
  for (const value of values) measurements.add(metrics.up, endpoint.name, value, level)
  return values
}

async function measureCpu(
  { measurements, options }: Bench,
  endpoint: Endpoint,
  lists: ListCalls,
  level: number,
): Promise<void> {
  const { seconds } = options
  const idle = await runtimeSecondsOf(endpoint, () => sleep(seconds * 1000))
  measurements.add(metrics.idleCpu, endpoint.name, (100 * idle) / seconds, level)
  const polled = await runtimeSecondsOf(endpoint, async () => {
    for (let second = 0; second < seconds; second++) {
      await Promise.all([sleep(1000), relist(lists)])
    }
  })
  measurements.add(metrics.polledCpu, endpoint.name, (100 * polled) / seconds, level)
}

/** What the kubelet's pod lifecycle event generator asks each second. */
async function relist(lists: ListCalls): Promise<void> {
  await lists.call(listPodSandbox)
  await lists.call(listContainers)
}

async function measureLists(
  { measurements }: Bench,
  endpoint: Endpoint,
  lists: ListCalls,
  level: number,
): Promise<void> {
  const calls: [Metric, () => Promise<{ readonly ms: number; readonly count: number }>][] = [
    [metrics.listPodSandbox, () => countOf(lists.call(listPodSandbox), ({ items }) => items)],
    [metrics.listContainers, () => countOf(lists.call(listContainers), ({ containers }) => containers)],
    [metrics.listContainerStats, () => countOf(lists.call(listContainerStats), ({ stats }) => stats)],
  ]
  for (let round = 0; round < listRounds; round++) {
    for (const [metric, call] of calls) {
      const { ms, count } = await call()
      measurements.add(metric, endpoint.name, ms, level)
      if (count < level) throw new Error(`${endpoint.name}: ${metric.title} answered ${count} of ${level}`)
    }
  }
}

async function countOf<Answer>(
  call: Promise<{ readonly ms: number; readonly answer: Answer }>,
  itemsOf: (answer: Answer) => readonly unknown[],
): Promise<{ readonly ms: number; readonly count: number }> {
  const { ms, answer } = await call
  return { ms, count: itemsOf(answer).length }
}

/** `1 containerd, 50 containerd-shim-runc-v2, 50 pause`. */
function namesOf(processes: readonly Process[]): string {
  const counts = Map.groupBy(processes, programOf)
  return [...counts].map(([name, group]) => `${group.length} ${name}`).join(', ')
}
