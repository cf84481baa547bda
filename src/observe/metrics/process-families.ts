import type { ContainerSource } from './container-source.ts'
import { type MetricFamily, type MetricValue, one } from './metric.ts'

export const processFamilies: readonly MetricFamily<ContainerSource>[] = [
  gauge('container_processes', 'Processes.', ({ pids }) => one(pids.length)),
  gauge('container_threads', 'Threads of all processes.', ({ usage, pids }) => one(usage.pids?.current ?? pids.length)),
  gauge('container_threads_max', 'How many threads there may be; 0 for no limit.', ({ details }) =>
    one(details.pidsLimit ?? 0),
  ),
  gauge('container_file_descriptors', 'Open file descriptors.', ({ openFiles }) => one(openFiles.descriptors)),
  gauge('container_sockets', 'Open sockets.', ({ openFiles }) => one(openFiles.sockets)),
  {
    name: 'container_ulimits_soft',
    help: 'Soft limits of the first process; none when it has no limit.',
    type: 'gauge',
    labels: ['ulimit'],
    values: ({ openFilesLimit: value }) => (value === undefined ? [] : [{ value, labels: ['max_open_files'] }]),
  },
  gauge('container_start_time_seconds', 'When it was started, in seconds since the epoch.', ({ sample }) =>
    one('startedAt' in sample.record.state ? sample.record.state.startedAt / 1_000_000_000n : undefined),
  ),
  gauge('container_last_seen', 'When it was looked at, in seconds since the epoch.', ({ sample }) =>
    one(sample.at / 1_000_000_000n),
  ),
]

/** What was asked for. No limit is 0, as cAdvisor has it. */
export const specFamilies: readonly MetricFamily<ContainerSource>[] = [
  gauge('container_spec_cpu_period', 'The period of the CPU quota, in microseconds.', (source) =>
    one(asked(source)?.cpuPeriod || 100_000n),
  ),
  gauge('container_spec_cpu_quota', 'The CPU quota, in microseconds a period; none when there is no quota.', (source) =>
    one(limit(asked(source)?.cpuQuota) || undefined),
  ),
  gauge('container_spec_cpu_shares', 'The CPU shares.', (source) => one(asked(source)?.cpuShares || 1024n)),
  gauge('container_spec_memory_limit_bytes', 'The memory limit, in bytes.', (source) =>
    one(limit(asked(source)?.memoryLimitInBytes)),
  ),
  gauge('container_spec_memory_swap_limit_bytes', 'The limit on memory and swap together, in bytes.', (source) =>
    one(limit(asked(source)?.memorySwapLimitInBytes)),
  ),
  gauge('container_spec_memory_reservation_limit_bytes', 'The memory that is kept for it, in bytes.', (source) =>
    one(reservation(asked(source)?.unified['memory.low'])),
  ),
]

function asked({ sample }: ContainerSource) {
  return sample.record.config.linux?.resources
}

function limit(value = 0n): bigint {
  return value < 0n ? 0n : value
}

function reservation(value = '0'): bigint {
  return /^\d+$/.test(value) ? BigInt(value) : 0n
}

function gauge(
  name: string,
  help: string,
  values: (source: ContainerSource) => readonly MetricValue[],
): MetricFamily<ContainerSource> {
  return { name, help, type: 'gauge', values }
}
