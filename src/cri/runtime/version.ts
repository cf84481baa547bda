import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** `version` is that of the kubelet's own runtime API, and fixed: the kubelet exits at any other. */
export const version: HandlerOf<typeof RuntimeService, 'version'> = ({ about }) => ({
  version: '0.1.0',
  runtimeName: 'berth',
  runtimeVersion: about.version,
  runtimeApiVersion: 'v1',
})
