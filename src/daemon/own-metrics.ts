import type { ServerResponse } from 'node:http'
import type { Images } from '../image/images.ts'
import type { NetworkPort } from '../network/port.ts'
import type { Calls } from '../observe/calls.ts'
import { contentType, exposition } from '../observe/own/exposition.ts'
import { families } from '../observe/own/families.ts'
import type { Happenings } from '../observe/own/happenings.ts'
import { processUsage } from '../observe/own/process-usage.ts'
import type { Pods } from '../pod/pods.ts'
import type { SpareSandboxes } from '../pod/spare-sandboxes.ts'
import type { ShimPool } from '../shim/pool.ts'
import type { LiveConfig } from './live-config.ts'
import type { SpanExport } from './span-export.ts'

export interface MetricsSources {
  readonly version: string
  readonly live: LiveConfig
  readonly happenings: Happenings
  readonly calls: Calls
  readonly spanExport: SpanExport
  readonly pods: Pods
  readonly images: Images
  readonly network: Pick<NetworkPort, 'ready'>
  readonly spares: Pick<SpareSandboxes, 'count' | 'asked'>
  readonly shims: Pick<ShimPool, 'pids'>
}

/** Berth's own metrics as they are now, as the text that Prometheus reads. A few milliseconds, most of them for memory. */
export function ownMetrics(sources: MetricsSources): string {
  const { version, live, happenings, calls, pods, images, network, shims, spares, spanExport } = sources
  const { usedBytes, inodesUsed } = images.fsInfo()
  const spans = spanExport.counts
  const processes = [
    ['berthd', process.pid] as const,
    ...[...shims.pids].map(([shim, pid]) => [`shim-${shim}`, pid] as const),
  ]
  return exposition(
    families({
      version,
      now: Date.now(),
      happenings,
      calls: calls.underWay(),
      operations: pods.operations(),
      sandboxes: pods.sandboxes(),
      containers: pods.containers(),
      spares,
      ...(spans && { spans }),
      conditions: { RuntimeReady: pods.ready().ready, NetworkReady: network.ready().ready },
      pulls: images.progress(),
      pullCounts: images.pullCounts,
      images: { count: images.list().length, usedBytes, inodesUsed },
      reconciliation: pods.reconciliation,
      config: live.reading,
      processes: processes.flatMap(([name, pid]) => processUsage(name, pid) ?? []),
    }),
  )
}

export function answerMetrics(sources: MetricsSources, response: ServerResponse): void {
  const text = ownMetrics(sources)
  response.writeHead(200, { 'content-type': contentType }).end(text)
}
