/** Limits of a cgroup; what is absent is left as it is. The fields are the runtime-spec's (config-linux, "Control groups"). */
export interface CgroupLimits {
  /** In bytes; -1 is none. `swap` is memory and swap together. */
  readonly memory?: { readonly limit?: number; readonly swap?: number }
  readonly cpu?: {
    /** 2 to 262144. */
    readonly shares?: number
    /** In microseconds a period; -1 is none. */
    readonly quota?: number
    /** In microseconds. */
    readonly period?: number
    readonly cpus?: string
    readonly mems?: string
  }
  /** `pageSize` as the kernel writes it (`2MB`), `limit` in bytes. */
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[]
  /** Files of version 2, written as they are. */
  readonly unified?: Readonly<Record<string, string>>
}
