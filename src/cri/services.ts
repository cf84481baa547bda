import type { Images } from '../image/images.ts'
import type { NetworkPort } from '../network/port.ts'
import type { Pods } from '../pod/pods.ts'

/** What the RPCs are answered from. An RPC's file turns a request into a call of one of these, and no more. */
export interface Services {
  readonly pods: Pods
  readonly images: Images
  readonly network: Pick<NetworkPort, 'ready'>
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
}

export interface HandlerFeatures {
  readonly name: string
  readonly recursiveReadOnlyMounts: boolean
  readonly userNamespaces: boolean
}
