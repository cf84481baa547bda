import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PullCounts } from '../../image/pull-counts.ts'
import { Tally } from '../../lib/tally.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'
import type { RecordListener } from '../../state/store.ts'
import { exposition } from './exposition.ts'
import { families, type Moment } from './families.ts'
import { Happenings } from './happenings.ts'
import { processUsage } from './process-usage.ts'

/** A moment with a little of everything. */
function moment(): Moment {
  let tell: RecordListener<ContainerRecord> | undefined
  const happenings = new Happenings({ watch: (listener) => (tell = listener) })
  const container = (state: object) => ({ state }) as unknown as ContainerRecord
  const exited = container({ phase: 'exited', reason: 'OOMKilled' })
  tell?.(container({ phase: 'running' }), exited)
  // Only the end counts, not what becomes of the record afterwards.
  tell?.(exited, container({ phase: 'exited', reason: 'OOMKilled' }))
  tell?.(exited, undefined)
  happenings.calls.observe(['PullImage'], 2)
  happenings.failedCalls.add(['PullImage', 'NOT_FOUND'])
  happenings.stageEnded('RunPodSandbox', 'attaching the network', 20, true)
  happenings.lostShims = 3
  const pullCounts = new PullCounts()
  const layer = { digest: 'sha256:0', stage: 'done', totalBytes: 10, downloadedBytes: 10, unpackedBytes: 10 } as const
  const pull = { image: 'a/b:c', stage: 'downloading', startedAtMs: 4000, stageSinceMs: 0, layers: [layer] } as const
  const { [Symbol.dispose]: end } = pullCounts.begin(() => ({
    ...pull,
    layers: [layer, { ...layer, stage: 'present' }],
  }))
  end()
  pullCounts.begin(() => ({ ...pull, layers: [{ ...layer, downloadedBytes: 4 }] }))
  return {
    version: '1.2.3',
    now: 10_000,
    happenings,
    calls: [{ rpc: 'RunPodSandbox', startedAt: 0 }],
    operations: [8000, 7000].map((startedAt) => ({
      name: 'RunPodSandbox',
      key: '',
      stage: 'attaching the network',
      startedAt,
      stageSince: 0,
    })),
    sandboxes: [{ state: { phase: 'ready' } } as SandboxRecord],
    containers: [exited],
    spans: { exported: 7, dropped: 1 },
    spares: { count: 1, asked: new Tally('result') },
    conditions: { RuntimeReady: true, NetworkReady: false },
    pulls: [pull],
    pullCounts,
    images: { count: 2, usedBytes: 100, inodesUsed: 5 },
    reconciliation: {
      findings: [{ kind: 'cgroup', subject: '', problem: '', remedy: 'report' }],
      found: new Tally('kind', 'remedy'),
      failures: 1,
      rounds: 4,
    },
    config: { readAt: 5000, needsRestart: ['root'], error: 'wrong' },
    processes: [processUsage('berthd', process.pid) ?? assert.fail('no /proc')],
  }
}

test('what is counted and what there is', () => {
  const text = exposition(families(moment()))
  for (const line of [
    'berth_rpc_duration_seconds_bucket{method="PullImage",le="2.5"} 1',
    'berth_rpc_errors_total{method="PullImage",code="NOT_FOUND"} 1',
    'berth_rpc_in_flight{method="RunPodSandbox"} 1',
    'berth_operations{operation="RunPodSandbox",stage="attaching the network"} 2',
    'berth_operation_age_seconds{operation="RunPodSandbox",stage="attaching the network"} 3',
    'berth_operation_stage_seconds_sum{operation="RunPodSandbox",stage="attaching the network"} 0.02',
    'berth_operation_failures_total{operation="RunPodSandbox",stage="attaching the network"} 1',
    'berth_trace_spans_dropped_total 1',
    'berth_pods{state="ready"} 1',
    'berth_pods{state="unknown"} 0',
    'berth_containers{state="exited"} 1',
    'berth_container_exits_total{reason="OOMKilled"} 1',
    'berth_container_ooms_total 1',
    'berth_condition{condition="NetworkReady"} 0',
    'berth_image_pull_bytes{image="a/b:c",state="downloaded"} 10',
    'berth_image_pulled_bytes_total 14',
    'berth_reconciler_findings{kind="cgroup"} 1',
    'berth_config_refused 1',
    'berth_shims 0',
    'berth_shim_losses_total 3',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), line)
  }
  assert.match(text, /^berth_process_memory_bytes\{process="berthd"\} [1-9]\d{6,}$/m)
  assert.match(text, /^berth_process_open_files\{process="berthd"\} [1-9]/m)
})

test('docs/metrics.md has every metric with its type and labels, and no other', () => {
  const docs = readFileSync(join(import.meta.dirname, '../../../docs/metrics.md'), 'utf8')
  const rows = [...docs.matchAll(/^\| `(berth_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`)
  assert.deepEqual(
    rows,
    families(moment()).map(({ name, type }) => `${name} ${type}`),
  )
})
