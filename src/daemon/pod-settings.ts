import { defaultParent } from '../linux/cgroup/names.ts'
import type { RuntimeHandlers } from '../pod/handlers.ts'
import type { PodSettings } from '../pod/parts.ts'
import type { LiveConfig } from './live-config.ts'

/** What the configuration means for the pod room: that in force whenever it looks. */
export function podSettings(live: LiveConfig, handlers: RuntimeHandlers): PodSettings {
  return {
    get cgroupParent() {
      return defaultParent(live.current.cgroup_parent, this.cgroupDriver)
    },
    get cgroupDriver() {
      return handlers.get('').cgroupDriver
    },
    get cdiDirs() {
      return live.current.cdi_dirs
    },
    get hooksDirs() {
      return live.current.hooks_dirs
    },
  }
}
