import type { Images } from '../image/images.ts'
import { messageOf } from '../lib/errors.ts'
import type { LevelledLogger } from '../lib/log.ts'
import type { Reaper } from '../linux/reaper.ts'
import type { Network } from '../network/network.ts'
import type { Traces } from '../observe/traces.ts'
import type { RuntimeHandlers } from '../pod/handlers.ts'
import type { Layout } from '../pod/layout.ts'
import type { SpareSandboxes } from '../pod/spare-sandboxes.ts'
import type { StreamingServer } from '../streaming/server.ts'
import type { Config } from '../config/config.ts'
import { imageOptions } from './image-options.ts'
import type { LiveConfig } from './live-config.ts'
import type { MetricsPort } from './metrics-port.ts'
import { networkSettings } from './network-settings.ts'
import { runtimeHandlers } from './runtime-handlers.ts'
import type { SpanExport } from './span-export.ts'
import { streamingOptions } from './streaming-options.ts'

interface Followers {
  readonly log: LevelledLogger
  readonly handlers: RuntimeHandlers
  readonly network: Pick<Network, 'reconfigure'>
  readonly images: Pick<Images, 'prepareSettings'>
  readonly spares: Pick<SpareSandboxes, 'fillSoon'>
  readonly streaming: Pick<StreamingServer, 'renewCertificate'>
  readonly traces: Pick<Traces, 'keep'>
  readonly spanExport: SpanExport
  readonly metricsPort: MetricsPort
  readonly layout: Layout
  readonly reaper: Reaper
}

/** Tells the rooms of a configuration that becomes another. Those that are not here look at what is in force by themselves. */
export async function followConfig(live: LiveConfig, followers: Followers): Promise<void> {
  const { log, handlers, network, images, spares, streaming, traces, spanExport, metricsPort, layout, reaper } =
    followers
  traces.keep(live.current.trace)
  live.follow(async (next) => {
    // Also when nothing of it has changed: an OCI runtime that was upgraded may be able to do more.
    const made = await runtimeHandlers(next, layout, reaper)
    return () => handlers.become(made)
  })
  live.follow((next) => images.prepareSettings(imageOptions(next.image, reaper)))
  live.follow((next) => {
    const { tls } = streamingOptions(next.streaming)
    return () => tls && streaming.renewCertificate(tls)
  })
  live.follow((next) => {
    const before = live.current
    return () => {
      if (isOther(before.cni, next.cni)) network.reconfigure(networkSettings(next.cni))
      spares.fillSoon()
      if (before.trace !== next.trace) traces.keep(next.trace)
      log.level = next.log_level
    }
  })
  const beginExport = await spanExport.prepare(live.current)
  beginExport()
  live.follow((next) => spanExport.prepare(next))
  const listen = ({ metrics }: Config) => metricsPort.prepare(metrics.port)
  try {
    const enact = await listen(live.current)
    enact()
  } catch (error) {
    // A node without metrics is better than none.
    log.error({ error: messageOf(error) }, 'there are no metrics on the port')
  }
  // The last: a port that is listened on is not given back when another room refuses.
  live.follow(listen)
}

const isOther = (before: Config['cni'], after: Config['cni']) => JSON.stringify(before) !== JSON.stringify(after)
