import { medianRatio, quantile } from '../statistics.ts'
import { short } from './number.ts'
import type { Results } from './results.ts'

/** What is asked of Berth, row by row; docs/performance.md lists them. */
export interface Target {
  readonly what: string
  readonly metric: string
  readonly pods?: number
  /** `p50` and `p95` of the first endpoint, or its ratio to a rival. */
  readonly of: 'p50' | 'p95' | 'ratio' | 'ratio of p95'
  /** Rivals, by what the runtimes call themselves; `better` is the one with the better p50. */
  readonly rival?: 'containerd' | 'cri-o' | 'better'
  readonly limit: number
  readonly bound: 'at most' | 'at least'
}

export interface Outcome {
  readonly what: string
  readonly target: string
  readonly measured: string
  readonly met: boolean
}

const ratio = (what: string, metric: string, rival: Target['rival'], limit: number, more: Partial<Target> = {}) =>
  ({ what, metric, of: 'ratio', rival, limit, bound: 'at most', ...more }) as Target

const absolute = (what: string, metric: string, limit: number, more: Partial<Target> = {}) =>
  ({ what, metric, of: 'p50', limit, bound: 'at most', ...more }) as Target

const third = 1 / 3

export const targets: readonly Target[] = [
  ratio('pod up p50', 'pod.up', 'containerd', third),
  ratio('pod up p50', 'pod.up', 'cri-o', 0.5),
  ratio('pod up p95', 'pod.up', 'containerd', third, { of: 'ratio of p95' }),
  ratio('pod up p95', 'pod.up', 'cri-o', 0.5, { of: 'ratio of p95' }),
  ratio('pod down p50', 'pod.down', 'containerd', 0.5),
  ratio('pod down p50', 'pod.down', 'cri-o', third),
  ratio('pods per second, 4 at a time', 'parallel.rate', 'containerd', 2.5, { bound: 'at least' }),
  ratio('pods per second, 4 at a time', 'parallel.rate', 'cri-o', 2, { bound: 'at least' }),
  ratio("CPU for a pod's life, whole machine", 'cpu.pod', 'containerd', 0.5),
  ratio("CPU for a pod's life, whole machine", 'cpu.pod', 'cri-o', 0.7),
  ratio("CPU for a pod's life, daemon and all that it starts", 'cpu.runtime', 'containerd', 0.5),
  ratio("CPU for a pod's life, daemon and all that it starts", 'cpu.runtime', 'cri-o', 0.7),
  ratio('ExecSync p50', 'exec.sync', 'better', 0.6),
  ratio('memory for each pod added, 50 to 200', 'held.memoryPerPod', 'containerd', 0.1),
  ratio('memory for each pod added, 50 to 200', 'held.memoryPerPod', 'cri-o', 1),
  ratio('whole runtime at 50 pods', 'held.memory', 'containerd', 0.5, { pods: 50 }),
  ratio('whole runtime at 200 pods', 'held.memory', 'containerd', 0.2, { pods: 200 }),
  ratio('whole runtime at 200 pods', 'held.memory', 'cri-o', 1.5, { pods: 200 }),
  absolute('idle CPU with 50 pods, % of a core', 'held.idleCpu', 0.2, { pods: 50 }),
  absolute('CPU with 50 pods, polled each second, % of a core', 'held.polledCpu', 0.5, { pods: 50 }),
  ratio('ListContainers p50 of 50', 'held.listContainers', 'better', 1, { pods: 50 }),
  absolute('ListContainers p50 of 500, ms', 'held.listContainers', 3, { pods: 500 }),
  ratio('ListContainerStats of 50', 'held.listContainerStats', 'better', third, { pods: 50 }),
  ratio('pull + unpack, time', 'pull.time', 'containerd', 2 * third),
  ratio('pull + unpack, CPU', 'pull.cpu', 'containerd', 1),
  ...['one.short', 'one.long', 'fifty.short', 'fifty.long'].flatMap((kind) => [
    ratio(`log throughput (${kind})`, `logs.${kind}.rate`, 'containerd', 1, { bound: 'at least' }),
    ratio(`log throughput (${kind})`, `logs.${kind}.rate`, 'cri-o', 1, { bound: 'at least' }),
    ratio(`CPU of logs (${kind})`, `logs.${kind}.cpu`, 'containerd', 1),
    ratio(`CPU of logs (${kind})`, `logs.${kind}.cpu`, 'cri-o', 1),
  ]),
  absolute('pod up p50 with 200 pods, times that with 10', 'held.upGrowth', 1.2),
  absolute('daemon start to first answer, s', 'start.firstAnswer', 0.3, { pods: 0 }),
  absolute('daemon start to first answer with 200 containers, s', 'start.firstAnswer', 1, { pods: 200 }),
]

/** The targets whose metric was measured, and whose rival took part. */
export function compareWithTargets(results: Results, all: readonly Target[] = targets): Outcome[] {
  return all.flatMap((target) => {
    const measured = measure(results, target)
    if (measured === undefined || Number.isNaN(measured)) return []
    const met = target.bound === 'at most' ? measured <= target.limit : measured >= target.limit
    const times = target.rival === undefined ? '' : ` × ${rivalWords(target.rival)}`
    const limit = `${target.bound} ${short(target.limit)}${times}`
    return [{ what: target.what, target: limit, measured: short(measured), met }]
  })
}

const rivalWords = (rival: NonNullable<Target['rival']>) => (rival === 'better' ? 'the better other' : rival)

function measure({ endpoints, measurements }: Results, target: Target): number | undefined {
  const [first, ...others] = endpoints
  const measurement = measurements.find(({ id, pods }) => id === target.metric && pods === target.pods)
  const own = measurement?.values[first?.name ?? '']
  if (!measurement || !own) return undefined
  if (target.of === 'p50' || target.of === 'p95') return quantile(own, target.of === 'p50' ? 0.5 : 0.95)
  const p50 = (values: readonly number[]) => quantile(values, 0.5) * (measurement.better === 'lower' ? 1 : -1)
  const [rival] = others
    .filter(({ runtimeName }) => target.rival === 'better' || runtimeName === target.rival)
    .flatMap(({ name }) => (measurement.values[name] ? [measurement.values[name]] : []))
    .sort((a, b) => p50(a) - p50(b))
  if (!rival) return undefined
  return target.of === 'ratio of p95' ? quantile(own, 0.95) / quantile(rival, 0.95) : medianRatio(own, rival)
}
