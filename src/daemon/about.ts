import type { About, HandlerFeatures } from '../cri/services.ts'
import type { RuntimeHandlers } from '../pod/handlers.ts'
import type { LiveConfig } from './live-config.ts'

/** What the API tells of this berthd: as it is whenever somebody asks. */
export function about(version: string, live: LiveConfig, handlers: RuntimeHandlers): About {
  return {
    version,
    get cgroupDriver() {
      return handlers.get('').cgroupDriver
    },
    get handlers() {
      return featuresOf(handlers)
    },
    get config() {
      return live.current
    },
    get configReading() {
      return live.reading
    },
  }
}

/** The default first. */
function featuresOf(handlers: RuntimeHandlers): HandlerFeatures[] {
  return handlers.names.map((name) => {
    const { recursiveReadOnly, userNamespaces } = handlers.get(name).host
    return { name, recursiveReadOnlyMounts: recursiveReadOnly, userNamespaces }
  })
}
