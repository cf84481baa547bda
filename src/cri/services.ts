import type { Images } from '../image/images.ts'
import type { Clock } from '../lib/clock.ts'
import type { NetworkPort } from '../network/port.ts'
import type { Calls } from '../observe/calls.ts'
import type { Metrics } from '../observe/metrics/pod-metrics.ts'
import type { PodEvents } from '../observe/pod-events.ts'
import type { Stats } from '../observe/stats.ts'
import type { Pods } from '../pod/pods.ts'
import type { StreamRequest } from '../streaming/session.ts'

/** What the RPCs are answered from. An RPC's file turns a request into a call of one of these, and no more. */
export interface Services {
  readonly pods: Pods
  readonly images: Images
  readonly events: PodEvents
  readonly stats: Stats
  readonly metrics: Metrics
  readonly calls: Pick<Calls, 'underWay' | 'failures'>
  readonly network: Pick<NetworkPort, 'ready'>
  /** Where clients find the streams of exec, attach and port-forward: an absolute URL for one use. */
  readonly streaming: { url(request: StreamRequest): string }
  /** The one that gives events their times: a status must not seem older than the event before it. */
  readonly clock: Clock
  readonly about: About
}

export interface About {
  /** Of Berth, as semver. */
  readonly version: string
  readonly cgroupDriver: 'cgroupfs' | 'systemd'
  /** The runtime handlers, the default first, with what each can do. */
  readonly handlers: readonly HandlerFeatures[]
  /** The configuration in force, for `crictl info`. */
  readonly config: Readonly<Record<string, unknown>>
  /** Where it was read, when, and what of the file is not in force. */
  readonly configReading: object
}

export interface HandlerFeatures {
  readonly name: string
  readonly recursiveReadOnlyMounts: boolean
  readonly userNamespaces: boolean
}
