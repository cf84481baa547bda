/**
 * What the pod room needs of the network. `network.ts` does it with CNI plugins, `fake-network.ts` in memory for tests.
 * Pods on the host's network are never attached.
 */
export interface NetworkPort {
  /** Whether pods can be attached. From memory, at once: the kubelet asks every few seconds (Status). */
  ready(): NetworkReadiness

  /**
   * Gives a pod's network namespace its interface and addresses (CNI ADD). A sandbox that is attached already, in the same
   * namespace, gets the attachment that it has. A failure is undone (CNI DEL on its own clock) before this throws; what
   * could not be undone stays in {@link attachments} for the reconciler.
   *
   * @throws invalid-argument for a request that is wrong in itself; failed-precondition while there is no configuration, a
   *   plugin is not installed or the namespace is not there; deadline-exceeded for a plugin that hangs; cancelled; unknown
   *   for a plugin that fails.
   */
  attach(request: AttachRequest, conditions?: AttachConditions): Promise<Attachment>

  /**
   * Attaches a namespace whose pod is not known yet; {@link attach} gives the attachment to the pod that comes under this id.
   * A failure is undone, as with attach.
   *
   * @returns false when the network has plugins that may ask who the pod is: nothing was done.
   */
  attachAhead(sandboxId: string, netnsPath: string): Promise<boolean>

  /** Whether {@link attach} of this request would find it attached ahead, in the way that this pod needs it. */
  suits(request: AttachRequest): boolean

  /**
   * Takes the sandbox off its network (CNI DEL with the configuration it was attached with), whether its namespace is still
   * there or not. No error for a sandbox that is not attached. When it throws, the record stays and it can be repeated.
   */
  detach(sandboxId: string): Promise<void>

  /**
   * The sandbox may be attached, and the record of that is lost or cannot be read: a detach then does what can be done without
   * it (CNI DEL with today's configuration). No change when there is a record.
   */
  presume(sandboxId: string, netnsPath: string): void

  /** Every attachment on record, half-made ones too. The reconciler detaches those whose sandbox is gone. */
  attachments(): readonly AttachmentEntry[]
}

/** The NetworkReady condition of CRI Status. */
export interface NetworkReadiness {
  readonly ready: boolean
  /** Empty when ready, else `NetworkPluginNotReady`. */
  readonly reason: string
  /** Empty when ready, else what is missing and what to do, for the operator. */
  readonly message: string
  /** The name of the network that new pods go to, once a configuration was read. */
  readonly configName?: string
}

export interface AttachConditions {
  /** Gives up: the plugin under way is killed, and the whole is undone. */
  readonly signal?: AbortSignal | undefined
  /**
   * Resolves when the namespace is there and nothing else stands in the way; until then no plugin is told anything. When it
   * rejects, nothing was done, and the attach fails with the same error.
   */
  readonly ready?: Promise<unknown>
}

export interface AttachRequest {
  readonly sandboxId: string
  /** Where the network namespace is pinned. */
  readonly netnsPath: string
  readonly podNamespace: string
  readonly podName: string
  readonly podUid: string
  readonly hostPorts?: readonly HostPort[]
  /** See `bandwidth.ts` for the annotations it comes from. */
  readonly bandwidth?: Bandwidth
  /** The pod's DNS settings, for plugins with the `dns` capability. */
  readonly dns?: PodDns
  /** The pod's cgroup, for plugins with the `cgroupPath` capability. */
  readonly cgroupParent?: string
  /** For plugins with the `io.kubernetes.cri.pod-annotations` capability. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** What of it the pod decides. */
export type PodAttachRequest = Omit<AttachRequest, 'sandboxId' | 'netnsPath'>

export interface HostPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly containerPort: number
  /** A mapping without a host port (0) is left out, as the other runtimes do. */
  readonly hostPort: number
  /** The host address to listen on; every address when absent or empty. */
  readonly hostIp?: string
}

/** Bits a second. */
export interface Bandwidth {
  readonly ingressRate?: number
  readonly egressRate?: number
}

export interface PodDns {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

/** What a pod has got. Plain data. */
export interface Attachment {
  /** At least one; the primary address first, without prefix lengths. */
  readonly ips: readonly string[]
  readonly interfaceName: string
  /** The name of the network. */
  readonly network: string
  /** The last plugin's result as it gave it (validated), for `inspectp`. */
  readonly result: Readonly<Record<string, unknown>>
  /** The DNS settings that the plugins ask for; mostly empty, and Kubernetes' own go first. */
  readonly dns: PodDns
  readonly hostPorts: readonly HostPort[]
}

/** An attachment as the reconciler and `inspectp` see it. */
export interface AttachmentEntry {
  readonly sandboxId: string
  /** Empty when the record cannot be read. */
  readonly netnsPath: string
  readonly network: string
  /** `adding` and `detaching` that nobody works on are left by a crash or a failed plugin: detach them. */
  readonly stage: 'adding' | 'attached' | 'detaching' | 'unreadable'
  /** Present when `attached`. */
  readonly attachment?: Attachment
  /** Present when no pod has come for it yet. */
  readonly ahead?: true
  /** Why the last attempt to detach failed. */
  readonly error?: string
}
