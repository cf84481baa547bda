import { ContainerSchema, type RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { pages } from '../pages.ts'
import { filteredContainers } from './list-containers.ts'

export const streamContainers: HandlerOf<typeof RuntimeService, 'streamContainers'> = function* (services, { filter }) {
  for (const containers of pages(ContainerSchema, filteredContainers(services, filter))) yield { containers }
}
