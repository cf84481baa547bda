import type { MessageInitShape } from '@bufbuild/protobuf'
import { type MetricSchema, MetricType, type PodSandboxMetricsSchema, type RuntimeService } from '../../gen/cri_pb.ts'
import type { Metric } from '../../observe/metrics/metric.ts'
import type { HandlerOf } from '../handlers.ts'
import type { Services } from '../services.ts'

export const listPodSandboxMetrics: HandlerOf<typeof RuntimeService, 'listPodSandboxMetrics'> = async (services) => ({
  podMetrics: await Array.fromAsync(podMetrics(services)),
})

/** Of the sandboxes that are ready, one by one. */
export async function* podMetrics({
  pods,
  metrics,
}: Services): AsyncGenerator<MessageInitShape<typeof PodSandboxMetricsSchema>> {
  const ready = pods.sandboxes().filter(({ state }) => state.phase === 'ready')
  for await (const pod of metrics.ofSandboxes(ready)) {
    yield {
      podSandboxId: pod.sandboxId,
      metrics: pod.metrics.map(metric),
      containerMetrics: pod.containers.map((container) => ({
        containerId: container.containerId,
        metrics: container.metrics.map(metric),
      })),
    }
  }
}

function metric({ name, type, at, labelValues, value }: Metric): MessageInitShape<typeof MetricSchema> {
  return {
    name,
    timestamp: at,
    metricType: type === 'counter' ? MetricType.COUNTER : MetricType.GAUGE,
    labelValues: [...labelValues],
    value: { value },
  }
}
