import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** The pod CIDR is for runtimes that write the CNI configuration themselves; Berth's comes from the network's own installer. */
export const updateRuntimeConfig: HandlerOf<typeof RuntimeService, 'updateRuntimeConfig'> = () => ({})
