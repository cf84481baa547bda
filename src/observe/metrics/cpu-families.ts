import type { PressureLine } from '../../linux/cgroup/usage.ts'
import type { ContainerSource } from './container-source.ts'
import { type MetricFamily, one } from './metric.ts'

const perSecond = 1_000_000_000

export const cpuFamilies: readonly MetricFamily<ContainerSource>[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    help: 'CPU time used, in seconds.',
    type: 'counter',
    labels: ['cpu'],
    values: ({ usage: { cpu } }) => (cpu ? [{ value: cpu.usageNs / 1_000_000_000n, labels: ['total'] }] : []),
  },
  {
    name: 'container_cpu_user_seconds_total',
    help: 'CPU time used in user mode, in seconds.',
    type: 'counter',
    values: ({ details: { cpu } }) => one(cpu && cpu.userNs / perSecond),
  },
  {
    name: 'container_cpu_system_seconds_total',
    help: 'CPU time used in the kernel, in seconds.',
    type: 'counter',
    values: ({ details: { cpu } }) => one(cpu && cpu.systemNs / perSecond),
  },
  {
    name: 'container_cpu_cfs_periods_total',
    help: 'Periods of the CPU quota that have passed.',
    type: 'counter',
    values: ({ details: { cpu } }) => one(cpu?.periods),
  },
  {
    name: 'container_cpu_cfs_throttled_periods_total',
    help: 'Periods in which the CPU quota was used up.',
    type: 'counter',
    values: ({ details: { cpu } }) => one(cpu?.throttledPeriods),
  },
  {
    name: 'container_cpu_cfs_throttled_seconds_total',
    help: 'Time for which the CPU quota kept tasks from running, in seconds.',
    type: 'counter',
    values: ({ details: { cpu } }) => one(cpu && cpu.throttledNs / perSecond),
  },
]

/** Pressure: `waiting` is when some tasks waited, `stalled` when all did. */
export const pressureFamilies: readonly MetricFamily<ContainerSource>[] = (['cpu', 'memory', 'io'] as const).flatMap(
  (kind): MetricFamily<ContainerSource>[] => {
    const what = { cpu: 'a CPU', memory: 'memory', io: 'a disk' }[kind]
    return [
      {
        name: `container_pressure_${kind}_waiting_seconds_total`,
        help: `Time in which tasks waited for ${what}, in seconds.`,
        type: 'counter',
        values: ({ usage }) => one(seconds(usage.pressure?.[kind]?.some)),
      },
      {
        name: `container_pressure_${kind}_stalled_seconds_total`,
        help: `Time in which all tasks waited for ${what}, in seconds.`,
        type: 'counter',
        values: ({ usage }) => one(seconds(usage.pressure?.[kind]?.full)),
      },
    ]
  },
)

function seconds(line: PressureLine | undefined): number | undefined {
  return line && line.totalUs / 1_000_000
}
