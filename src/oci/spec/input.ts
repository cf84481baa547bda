import type { ContainerConfig, PodSandboxConfig } from '../../gen/cri_pb.ts'
import type { HostFacts } from '../host-facts.ts'
import type { BaseSpec } from '../load-base-spec.ts'
import type { Device, Seccomp } from '../runtime-spec.ts'
import type { HostPath } from './mounts.ts'
import type { ResolvedUser } from './user.ts'

/** What an image says about running it; empty where it says nothing. */
export interface ImageConfig {
  /** As the user wrote it, for messages. */
  readonly name: string
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  /** `NAME=value` each. */
  readonly env: readonly string[]
  readonly workingDir: string
  /** `user`, `uid`, `user:group`, `uid:gid` or a mixture. */
  readonly user: string
  /** By name or number. */
  readonly stopSignal: string
  readonly labels: Readonly<Record<string, string>>
}

/** Where the things of the pod are that its containers share. */
export interface SandboxPaths {
  /** The pinned namespaces; absent where the pod uses the host's. */
  readonly userns?: string
  readonly netns?: string
  readonly ipcns?: string
  readonly utsns?: string
  /** The pod's shared PID namespace, for the mode POD. */
  readonly pidns?: string
  /** The PID namespace of the container that the mode TARGET names. */
  readonly targetPidns?: string
  /** The folder for /dev/shm; not used when the pod has the host's IPC namespace. */
  readonly shm?: string
  /** The files for /etc/hosts, /etc/resolv.conf and /etc/hostname. */
  readonly hosts?: string
  readonly resolvConf?: string
  readonly hostname?: string
}

/** How the runtime handler of the pod is configured. */
export interface HandlerOptions {
  /** Privileged containers get no device of the host, only the right to use what they are given. */
  readonly privilegedWithoutHostDevices?: boolean
  /** /sys/fs/cgroup is writable in the container. */
  readonly cgroupWritable?: boolean
  /** Globs of the pod's and the container's annotations that the runtime gets. */
  readonly podAnnotations?: readonly string[]
  readonly containerAnnotations?: readonly string[]
  /** The number of processes that a container may have; absent: no limit. */
  readonly pidsLimit?: number
  /** What every container's config.json begins with; what a container has of its own goes before it. */
  readonly baseSpec?: BaseSpec
  /**
   * The runtime puts every container in a virtual machine or kernel of its own, as gVisor does: each is announced to it as a
   * sandbox, and its signals go through the runtime, since the process on the host is not the container's.
   */
  readonly sandboxPerContainer?: boolean
}

/** Everything that `buildSpec` needs, with all that had to be looked up on the host already looked up. */
export interface SpecInput {
  readonly container: ContainerConfig
  readonly sandbox: PodSandboxConfig
  readonly image: ImageConfig
  readonly containerId: string
  readonly sandboxId: string
  /** The mounted root file system, as an absolute path. */
  readonly rootfsPath: string
  readonly sandboxPaths: SandboxPaths
  /** In the form of the cgroup driver: `/parent/<id>`, or `slice:prefix:<id>` for systemd. */
  readonly cgroupsPath: string
  readonly handler?: HandlerOptions
  readonly host: HostFacts
  readonly user: ResolvedUser
  /** One for each of `container.mounts`, in their order. */
  readonly hostPaths: readonly HostPath[]
  /** The device nodes that `container.devices` names, folders and links followed: one list for each. */
  readonly devices: readonly (readonly Device[])[]
  /** The device nodes of the host, for a privileged container. */
  readonly hostDevices: readonly Device[]
  /** The profile that a Localhost seccomp setting names. */
  readonly localhostSeccomp?: Seccomp
  /** The pod's sysctls are set in its namespaces already: the container's spec leaves them out. */
  readonly sysctlsApplied?: boolean
}
