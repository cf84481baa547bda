import type { PullProgress } from '../../image/progress.ts'
import type { PullCounts } from '../../image/pull-counts.ts'
import type { Reconciliation } from '../../pod/reconcile/reconciler.ts'
import type { Tally } from '../../lib/tally.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import type { Operation } from '../../state/operations.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'
import type { Call } from '../calls.ts'
import { counted, counter, type Family, gauge, histogram, type Sample } from './exposition.ts'
import type { Happenings } from './happenings.ts'
import type { ProcessUsage } from './process-usage.ts'

/** All that the metrics are made of, as it is at the moment. */
export interface Moment {
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly happenings: Happenings
  readonly calls: readonly Call[]
  readonly operations: readonly Operation[]
  readonly sandboxes: Iterable<SandboxRecord>
  readonly containers: Iterable<ContainerRecord>
  /** Networks attached ahead of their pods. */
  readonly spares: { readonly count: number; readonly asked: Tally }
  readonly conditions: Readonly<Record<'RuntimeReady' | 'NetworkReady', boolean>>
  readonly pulls: readonly PullProgress[]
  readonly pullCounts: PullCounts
  readonly images: { readonly count: number; readonly usedBytes: number; readonly inodesUsed: number }
  readonly reconciliation: Reconciliation
  readonly config: { readonly readAt: number; readonly needsRestart: readonly string[]; readonly error?: string }
  readonly processes: readonly ProcessUsage[]
  /** Where spans are exported. */
  readonly spans?: { readonly exported: number; readonly dropped: number }
}

const sandboxPhases: readonly SandboxRecord['state']['phase'][] = ['ready', 'stopping', 'stopped', 'unknown']
const containerPhases: readonly ContainerRecord['state']['phase'][] = ['created', 'running', 'exited', 'unknown']

/** Berth's own metrics. Their names are in docs/metrics.md. */
export function families(moment: Moment): Family[] {
  return [
    gauge('berth_build_info', 'Always 1; the version of Berth is a label.', [
      { labels: { version: moment.version }, value: 1 },
    ]),
    ...ofCalls(moment),
    ...ofPods(moment),
    ...ofImages(moment),
    ...ofOrder(moment),
    ...ofProcesses(moment),
  ]
}

function ofCalls({ happenings, calls, operations, now, spans }: Moment): Family[] {
  const underWay = new Map<string, { labels: Record<string, string>; count: number; oldest: number }>()
  for (const { name, stage, startedAt } of operations) {
    const known = underWay.get(`${name} ${stage}`)
    if (!known) underWay.set(`${name} ${stage}`, { labels: { operation: name, stage }, count: 1, oldest: startedAt })
    else {
      known.count++
      known.oldest = Math.min(known.oldest, startedAt)
    }
  }
  const groups = [...underWay.values()]
  return [
    histogram('berth_rpc_duration_seconds', 'How long calls of the API took, failed ones too.', happenings.calls),
    counter('berth_rpc_errors_total', 'Calls of the API that failed, by their gRPC status.', happenings.failedCalls),
    gauge(
      'berth_rpc_in_flight',
      'Calls under way that change something.',
      counted(
        'method',
        calls.map(({ rpc }) => rpc),
      ),
    ),
    gauge(
      'berth_operations',
      'What is being done with pods and containers, by its stage.',
      groups.map(({ labels, count }) => ({ labels, value: count })),
    ),
    gauge(
      'berth_operation_age_seconds',
      'The age of the oldest of these.',
      groups.map(({ labels, oldest }) => ({ labels, value: Math.max(0, now - oldest) / 1000 })),
    ),
    histogram('berth_operation_stage_seconds', 'How long each stage of an operation took.', happenings.stages),
    counter('berth_operation_failures_total', 'Operations that failed, by their stage.', happenings.failedStages),
    ...(spans
      ? [
          counter('berth_trace_spans_exported_total', 'Spans that the collector has taken.', spans.exported),
          counter('berth_trace_spans_dropped_total', 'Spans that it could not be given.', spans.dropped),
        ]
      : []),
  ]
}

function ofPods({ happenings, sandboxes, containers, conditions, spares }: Moment): Family[] {
  const phases = (records: Iterable<SandboxRecord | ContainerRecord>) => [...records].map(({ state }) => state.phase)
  return [
    gauge('berth_pods', 'Pod sandboxes by state.', counted('state', phases(sandboxes), sandboxPhases)),
    gauge('berth_containers', 'Containers by state.', counted('state', phases(containers), containerPhases)),
    counter('berth_container_exits_total', 'Containers that ended, by reason.', happenings.containerExits),
    counter(
      'berth_container_ooms_total',
      'Containers of those that the OOM killer ended.',
      happenings.containerExits.entries().find(([[reason]]) => reason === 'OOMKilled')?.[1] ?? 0,
    ),
    gauge('berth_spare_networks', 'Networks attached ahead that the next pods can have.', spares.count),
    counter(
      'berth_spare_networks_asked_total',
      'Pods that could have had one, by whether one was there.',
      spares.asked,
    ),
    gauge(
      'berth_condition',
      'The conditions that the kubelet is told: 1 when met.',
      Object.entries(conditions).map(([condition, isMet]) => ({ labels: { condition }, value: Number(isMet) })),
    ),
  ]
}

function ofImages({ pulls, pullCounts, images }: Moment): Family[] {
  const bytes = pulls.flatMap(({ image, layers }): Sample[] => {
    const sum = (of: 'totalBytes' | 'downloadedBytes' | 'unpackedBytes') =>
      layers.reduce((sum, layer) => sum + layer[of], 0)
    const sample = (state: string, value: number) => ({ labels: { image, state }, value })
    return [
      sample('total', sum('totalBytes')),
      sample('downloaded', sum('downloadedBytes')),
      sample('unpacked', sum('unpackedBytes')),
    ]
  })
  return [
    gauge(
      'berth_image_pulls',
      'Pulls under way, by stage.',
      counted(
        'stage',
        pulls.map(({ stage }) => stage),
      ),
    ),
    gauge('berth_image_pull_bytes', 'Compressed bytes of the layers of a pull under way.', bytes),
    gauge(
      'berth_image_pull_start_time_seconds',
      'When a pull under way began, in seconds since the epoch.',
      pulls.map(({ image, startedAtMs }) => ({ labels: { image }, value: startedAtMs / 1000 })),
    ),
    histogram('berth_image_pull_duration_seconds', 'How long pulls took, by result.', pullCounts.durations),
    counter('berth_image_pulled_bytes_total', 'Bytes of layers that pulls have fetched, compressed.', pullCounts.bytes),
    gauge('berth_images', 'Images in the store.', images.count),
    gauge('berth_image_store_bytes', 'What the image store takes of its disk.', images.usedBytes),
    gauge('berth_image_store_inodes', 'Inodes that the image store takes.', images.inodesUsed),
  ]
}

function ofOrder({ reconciliation, config }: Moment): Family[] {
  const { findings, found, failures, rounds } = reconciliation
  return [
    gauge(
      'berth_reconciler_findings',
      'What the last round of the reconciler found not in order, by kind.',
      counted(
        'kind',
        findings.map(({ kind }) => kind),
      ),
    ),
    counter('berth_reconciler_findings_total', 'All that was found, once each.', found),
    counter('berth_reconciler_failures_total', 'What could not be put in order when it was tried.', failures),
    counter('berth_reconciler_rounds_total', 'Rounds of the reconciler.', rounds),
    gauge('berth_config_read_time_seconds', 'When the configuration in force was read.', config.readAt / 1000),
    gauge('berth_config_refused', '1 when the configuration file as it is now is refused.', Number(!!config.error)),
    gauge('berth_config_keys_needing_restart', 'Keys of the file that are not in force.', config.needsRestart.length),
  ]
}

function ofProcesses({ happenings, processes }: Moment): Family[] {
  const samples = (value: (usage: ProcessUsage) => number) =>
    processes.map((usage) => ({ labels: { process: usage.name }, value: value(usage) }))
  return [
    gauge('berth_shims', 'Shims that berthd is connected to.', processes.length - 1),
    counter('berth_shim_losses_total', 'Shims that died and were replaced.', happenings.lostShims),
    gauge(
      'berth_process_memory_bytes',
      'Proportional set size (PSS).',
      samples(({ memoryBytes }) => memoryBytes),
    ),
    {
      ...gauge(
        'berth_process_cpu_seconds_total',
        'CPU time, user and system.',
        samples(({ cpuSeconds }) => cpuSeconds),
      ),
      type: 'counter',
    },
    gauge(
      'berth_process_open_files',
      'Open file descriptors.',
      samples(({ openFiles }) => openFiles),
    ),
  ]
}
