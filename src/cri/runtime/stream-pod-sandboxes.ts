import { PodSandboxSchema, type RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { pages } from '../pages.ts'
import { filteredSandboxes } from './list-pod-sandbox.ts'

export const streamPodSandboxes: HandlerOf<typeof RuntimeService, 'streamPodSandboxes'> = function* (
  services,
  { filter },
) {
  for (const podSandboxes of pages(PodSandboxSchema, filteredSandboxes(services, filter))) yield { podSandboxes }
}
