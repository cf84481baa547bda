/**
 * config.json of a bundle, as the OCI runtime-spec 1.0.2 to 1.2 has it, as far as Berth writes it. Names are the spec's;
 * numbers that may go beyond 2^53 (memory limits, cgroup values) are safe as JSON numbers up to 2^53 bytes = 8 PiB.
 */
export interface Spec {
  readonly ociVersion: string
  readonly hostname?: string
  readonly root: { readonly path: string; readonly readonly?: boolean }
  readonly process: Process
  readonly mounts: readonly Mount[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly hooks?: Readonly<Partial<Record<HookStage, readonly Hook[]>>>
  readonly linux: Linux
}

export interface Process {
  readonly terminal?: boolean
  readonly consoleSize?: { readonly width: number; readonly height: number }
  readonly user: User
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities?: Capabilities
  readonly rlimits?: readonly { readonly type: string; readonly hard: number; readonly soft: number }[]
  readonly noNewPrivileges?: boolean
  readonly apparmorProfile?: string
  readonly selinuxLabel?: string
  readonly oomScoreAdj?: number
  readonly ioPriority?: { readonly class: string; readonly priority: number }
  readonly scheduler?: Scheduler
}

/** sched_setattr(2); times are in nanoseconds. */
export interface Scheduler {
  readonly policy: string
  readonly nice?: number
  readonly priority?: number
  readonly flags?: readonly string[]
  readonly runtime?: number
  readonly deadline?: number
  readonly period?: number
}

export interface User {
  readonly uid: number
  readonly gid: number
  readonly umask?: number
  readonly additionalGids?: readonly number[]
}

/** The five sets of capabilities(7), each of `CAP_…` names. */
export interface Capabilities {
  readonly bounding: readonly string[]
  readonly effective: readonly string[]
  readonly permitted: readonly string[]
  readonly inheritable: readonly string[]
  readonly ambient: readonly string[]
}

export interface Mount {
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
  readonly uidMappings?: readonly IdMapping[]
  readonly gidMappings?: readonly IdMapping[]
}

export interface IdMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export type HookStage = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer' | 'poststart' | 'poststop'

export interface Hook {
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  /** In seconds. */
  readonly timeout?: number
}

export interface Linux {
  readonly namespaces: readonly Namespace[]
  readonly uidMappings?: readonly IdMapping[]
  readonly gidMappings?: readonly IdMapping[]
  readonly devices?: readonly Device[]
  readonly cgroupsPath: string
  readonly resources: LinuxResources
  readonly sysctl?: Readonly<Record<string, string>>
  readonly maskedPaths?: readonly string[]
  readonly readonlyPaths?: readonly string[]
  readonly mountLabel?: string
  readonly rootfsPropagation?: string
  readonly seccomp?: Seccomp
  /** Network devices of the host to move into the container, by their names on the host. */
  readonly netDevices?: Readonly<Record<string, { readonly name?: string }>>
  readonly intelRdt?: IntelRdt
  /** set_mempolicy(2). */
  readonly memoryPolicy?: { readonly mode: string; readonly nodes: string; readonly flags?: readonly string[] }
}

export interface IntelRdt {
  readonly closID?: string
  readonly schemata?: readonly string[]
  readonly enableMonitoring?: boolean
}

export interface Namespace {
  readonly type: 'pid' | 'network' | 'ipc' | 'uts' | 'mount' | 'cgroup' | 'user'
  /** Absent: a new one is made. */
  readonly path?: string
}

/** A device node to make inside the container. */
export interface Device {
  readonly path: string
  readonly type: 'c' | 'b' | 'u' | 'p'
  readonly major: number
  readonly minor: number
  /** The permission bits. */
  readonly fileMode?: number
  readonly uid?: number
  readonly gid?: number
}

export interface LinuxResources {
  readonly devices?: readonly DeviceRule[]
  readonly memory?: Memory
  readonly cpu?: Cpu
  readonly pids?: { readonly limit: number }
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[]
  /** cgroup v2 files and what to write to them. */
  readonly unified?: Readonly<Record<string, string>>
}

export interface DeviceRule {
  readonly allow: boolean
  readonly type?: 'a' | 'c' | 'b'
  readonly major?: number
  readonly minor?: number
  /** Letters out of `rwm`. */
  readonly access: string
}

/** In bytes; -1 is no limit. */
export interface Memory {
  readonly limit?: number
  /** Memory and swap together. */
  readonly swap?: number
  readonly reservation?: number
  readonly kernel?: number
  readonly kernelTCP?: number
  /** 0 to 100. */
  readonly swappiness?: number
  readonly disableOOMKiller?: boolean
  readonly useHierarchy?: boolean
}

export interface Cpu {
  /** Relative weight, 2 to 262144. */
  readonly shares?: number
  /** In microseconds a period; -1 is no limit. */
  readonly quota?: number
  /** In microseconds. */
  readonly period?: number
  readonly cpus?: string
  readonly mems?: string
  /** In microseconds. */
  readonly realtimeRuntime?: number
  readonly realtimePeriod?: number
}

export interface Seccomp {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly flags?: readonly string[]
  readonly listenerPath?: string
  readonly listenerMetadata?: string
  readonly syscalls?: readonly SeccompRule[]
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly SeccompArg[]
}

export interface SeccompArg {
  readonly index: number
  readonly value: number
  readonly valueTwo?: number
  readonly op: string
}
