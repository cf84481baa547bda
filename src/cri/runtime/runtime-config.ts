import { CgroupDriver, type RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** The cgroup driver that the kubelet is to use too; it never changes while pods live. */
export const runtimeConfig: HandlerOf<typeof RuntimeService, 'runtimeConfig'> = ({ about }) => ({
  linux: { cgroupDriver: about.cgroupDriver === 'systemd' ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS },
})
