import { PodSandboxMetricsSchema, type RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { pages } from '../pages.ts'
import { podMetrics } from './list-pod-sandbox-metrics.ts'

export const streamPodSandboxMetrics: HandlerOf<typeof RuntimeService, 'streamPodSandboxMetrics'> = async function* (
  services,
) {
  const found = await Array.fromAsync(podMetrics(services))
  for (const podSandboxMetrics of pages(PodSandboxMetricsSchema, found)) yield { podSandboxMetrics }
}
