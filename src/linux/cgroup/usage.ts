/** What a cgroup uses and has used. A part is absent when the machine does not count it. */
export interface CgroupUsage {
  readonly cpu?: {
    /** CPU time used since the cgroup was made, in nanoseconds. */
    readonly usageNs: bigint
  }
  /** In bytes, and counts of page faults. */
  readonly memory?: {
    readonly usage: number
    /** Usage without the inactive file pages: what cannot be reclaimed at once, as the kubelet counts for eviction. */
    readonly workingSet: number
    /** Anonymous memory. */
    readonly rss: number
    readonly pageFaults: number
    readonly majorPageFaults: number
    /** Absent when there is no limit. */
    readonly limit?: number
  }
  /** In bytes, without the memory. */
  readonly swap?: {
    readonly usage: number
    /** Absent when there is no limit. */
    readonly limit?: number
  }
  /** Processes with all their threads, as the pids controller counts. */
  readonly pids?: { readonly current: number }
  /** Where the kernel has it (Linux 4.20 and not switched off), on version 1 from the v2 hierarchy beside it. */
  readonly pressure?: {
    readonly cpu?: Pressure
    readonly memory?: Pressure
    readonly io?: Pressure
  }
}

/** Pressure stall information (Documentation/accounting/psi.rst): time in which some tasks, or all, waited. */
export interface Pressure {
  readonly some: PressureLine
  /** Absent for the CPU before Linux 5.13. */
  readonly full?: PressureLine
}

export interface PressureLine {
  /** Per cent of the last 10, 60 and 300 seconds. */
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  /** In microseconds. */
  readonly totalUs: number
}

/** What only metrics show. Numbers that the machine does not count are absent. */
export interface CgroupDetails {
  readonly cpu?: {
    readonly userNs: number
    readonly systemNs: number
    /** Of the CPU quota: how many periods there were, in how many it was used up, and how long that stopped tasks. */
    readonly periods: number
    readonly throttledPeriods: number
    readonly throttledNs: number
  }
  /** In bytes. */
  readonly memory?: {
    readonly peak?: number
    readonly cache: number
    readonly mappedFile: number
    readonly activeFile: number
    readonly inactiveFile: number
    readonly kernel?: number
    /** How often the limit was hit. */
    readonly limitHits?: number
  }
  /** Absent when there is no limit. */
  readonly pidsLimit?: number
  readonly devices: readonly DeviceUsage[]
  readonly hugepages: readonly HugepageUsage[]
}

/** What was read from and written to a block device. */
export interface DeviceUsage {
  readonly major: number
  readonly minor: number
  readonly readBytes: number
  readonly writtenBytes: number
  readonly reads: number
  readonly writes: number
}

export interface HugepageUsage {
  /** As the kernel writes it: `2MB`. */
  readonly pageSize: string
  readonly usage: number
  /** Version 1 only. */
  readonly peak?: number
}
