import type { ContainerSource } from './container-source.ts'
import { type MetricFamily, type MetricValue, one } from './metric.ts'

export const memoryFamilies: readonly MetricFamily<ContainerSource>[] = [
  gauge('container_memory_usage_bytes', 'Memory in use, whenever it was used last, in bytes.', ({ usage }) =>
    one(usage.memory?.usage),
  ),
  gauge('container_memory_working_set_bytes', 'Memory that cannot be reclaimed at once, in bytes.', ({ usage }) =>
    one(usage.memory?.workingSet),
  ),
  gauge('container_memory_rss', 'Anonymous memory, in bytes.', ({ usage }) => one(usage.memory?.rss)),
  gauge('container_memory_cache', 'Memory that holds parts of files, in bytes.', ({ details }) =>
    one(details.memory?.cache),
  ),
  gauge('container_memory_mapped_file', 'Files mapped into memory, in bytes.', ({ details }) =>
    one(details.memory?.mappedFile),
  ),
  gauge('container_memory_total_active_file_bytes', 'File pages used lately, in bytes.', ({ details }) =>
    one(details.memory?.activeFile),
  ),
  gauge('container_memory_total_inactive_file_bytes', 'File pages not used lately, in bytes.', ({ details }) =>
    one(details.memory?.inactiveFile),
  ),
  gauge('container_memory_kernel_usage', "Memory of the kernel on the container's behalf, in bytes.", ({ details }) =>
    one(details.memory?.kernel ?? 0),
  ),
  gauge('container_memory_swap', 'Swap in use, in bytes.', ({ usage }) => one(usage.swap?.usage ?? 0)),
  gauge('container_memory_max_usage_bytes', 'The most memory that was ever in use, in bytes.', ({ usage, details }) =>
    // Before Linux 5.19 version 2 does not remember it: then it is at least what is in use now.
    one(details.memory?.peak ?? usage.memory?.usage),
  ),
  counter('container_memory_failcnt', 'How often the memory limit was hit.', [], ({ details }) =>
    one(details.memory?.limitHits ?? 0),
  ),
  counter(
    'container_memory_failures_total',
    'Page faults, and those that had to wait for a disk.',
    ['failure_type', 'scope'],
    ({ usage: { memory } }) =>
      memory
        ? ['container', 'hierarchy'].flatMap((scope) => [
            { value: memory.pageFaults, labels: ['pgfault', scope] },
            { value: memory.majorPageFaults, labels: ['pgmajfault', scope] },
          ])
        : [],
  ),
  counter('container_oom_events_total', 'Processes killed for want of memory.', [], ({ oomKills }) => one(oomKills)),
  {
    name: 'container_hugetlb_usage_bytes',
    help: 'Huge pages in use, in bytes.',
    type: 'gauge',
    labels: ['pagesize'],
    values: ({ details }) => details.hugepages.map(({ pageSize, usage }) => ({ value: usage, labels: [pageSize] })),
  },
  {
    name: 'container_hugetlb_max_usage_bytes',
    help: 'The most huge pages that were ever in use, in bytes.',
    type: 'gauge',
    labels: ['pagesize'],
    values: ({ details }) =>
      details.hugepages.flatMap(({ pageSize, peak }) =>
        peak === undefined ? [] : [{ value: peak, labels: [pageSize] }],
      ),
  },
]

type Values = (source: ContainerSource) => readonly MetricValue[]

function gauge(name: string, help: string, values: Values): MetricFamily<ContainerSource> {
  return { name, help, type: 'gauge', values }
}

function counter(name: string, help: string, labels: readonly string[], values: Values): MetricFamily<ContainerSource> {
  return { name, help, type: 'counter', labels, values }
}
