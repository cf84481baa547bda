/** Where a failure came from, from the wire to the program in the container. */
export type Layer =
  | 'registry'
  | 'image policy'
  | 'image'
  | 'disk'
  | 'network (CNI)'
  | 'OCI runtime'
  | 'NRI plugin'
  | 'kernel'
  | 'node'
  | 'configuration'
  | 'container runtime'
  | 'client'
  | 'application'

/** Something that failed: in our words, in its own, and what to do. */
export interface Cause {
  readonly layer: Layer
  /** One sentence without a full stop. */
  readonly what: string
  /** The words of whatever failed, as they came. */
  readonly said?: string
  readonly next: string
  /** The call that failed, and what it was at. */
  readonly rpc?: string
  readonly stage?: string
  /** Milliseconds since the epoch. */
  readonly at?: number
  /** How many times in a row, when more than once. */
  readonly count?: number
}

/** Something that is being done or waited for right now. */
export interface Wait {
  readonly what: string
  /** Milliseconds since the epoch. */
  readonly since: number
  readonly stage?: string
  readonly stageSince?: number
  /** Further facts, such as how far a pull is. */
  readonly details: readonly string[]
  /** What to do when it takes too long. */
  readonly next?: string
}

/** All that can be told of a pod, a container or an image. */
export interface Explanation {
  readonly kind: 'pod' | 'container' | 'image'
  readonly name: string
  readonly id?: string
  /** In a few words: `Ready`, `Exited (137, OOMKilled)`. */
  readonly state: string
  /** Whether there is something to be told of it. */
  readonly ok: boolean
  readonly waits: readonly Wait[]
  /** The one that explains the state is the first. */
  readonly causes: readonly Cause[]
  /** Further facts about it, such as earlier attempts. */
  readonly notes: readonly string[]
  /** The last lines that it wrote. */
  readonly lastLines: readonly string[]
}
