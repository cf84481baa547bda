import type { PodManifest } from '../manifest/pod.ts'
import type { Place } from './start-container.ts'
import type { Time } from './time.ts'

/** What all pods of an agent have in common. */
export interface AgentParts extends Place {
  readonly time: Time
  /** The folder of manifests: by it the agent knows its pods. */
  readonly manifests: string
  readonly logsFolder: string
  /** Milliseconds after which a pod is looked at although nothing was heard of it. */
  readonly resyncMs: number
}

/** What a pod is to be, and where that is written. */
export interface DesiredPod {
  readonly pod: PodManifest
  readonly hash: string
  /** The file in the folder of manifests. */
  readonly file: string
  /** Of which Deployment it is, as kind/namespace/name. */
  readonly deployment: string | undefined
}
