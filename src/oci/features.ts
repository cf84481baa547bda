/**
 * What an OCI runtime says it can do (`runc features`, the runtime-spec's features.md), as far as Berth decides by it.
 */
export interface RuntimeFeatures {
  /** The range of runtime-spec versions that config.json may have. */
  readonly ociVersionMin: string
  readonly ociVersionMax: string
  /** The runtime's own version, as it names itself. */
  readonly version: string | undefined
  /** It is runc or crun, which keep nothing of a container that has ended but a folder below `--root` and its cgroup. */
  readonly keepsPlainState: boolean
  readonly namespaces: readonly string[]
  readonly mountOptions: readonly string[]
  /** Mounts can be made read-only together with what is mounted below them (option `rro`). */
  readonly recursiveReadOnly: boolean
  /** Mounts can carry id mappings of their own, which a pod with a user namespace needs. */
  readonly idMappedMounts: boolean
  readonly seccomp: boolean
  /** `SCMP_ARCH_…` names; empty when it has no seccomp. */
  readonly seccompArchitectures: readonly string[]
  readonly apparmor: boolean
  readonly selinux: boolean
  readonly cgroupV1: boolean
  readonly cgroupV2: boolean
  readonly systemdCgroup: boolean
  /** It sets scheduling policy and I/O priority: both came with version 1.1 of the runtime-spec, as did telling of it. */
  readonly scheduling: boolean
  readonly netDevices: boolean
  readonly memoryPolicy: boolean
  readonly intelRdt: boolean
}

/** Reads the JSON that the command prints. Throws SyntaxError when it is none; what is absent counts as not there. */
export function parseFeatures(text: string): RuntimeFeatures {
  const root = object(JSON.parse(text))
  const linux = object(root.linux)
  const annotations = object(root.annotations)
  const mountOptions = strings(root.mountOptions)
  const seccomp = object(linux.seccomp)
  const cgroup = object(linux.cgroup)
  const runc = string(annotations['org.opencontainers.runc.version'])
  const crun = string(annotations['run.oci.crun.version'])
  return {
    ociVersionMin: string(root.ociVersionMin) ?? '1.0.0',
    ociVersionMax: string(root.ociVersionMax) ?? '1.0.0',
    version: runc ?? crun ?? string(annotations['io.github.containers.youki.version']),
    keepsPlainState: runc !== undefined || crun !== undefined,
    namespaces: strings(linux.namespaces),
    mountOptions,
    recursiveReadOnly: mountOptions.includes('rro'),
    idMappedMounts: enabled(object(linux.mountExtensions).idmap),
    seccomp: enabled(seccomp),
    seccompArchitectures: strings(seccomp.archs),
    apparmor: enabled(linux.apparmor),
    selinux: enabled(linux.selinux),
    cgroupV1: cgroup.v1 === true,
    cgroupV2: cgroup.v2 === true,
    systemdCgroup: cgroup.systemd === true,
    scheduling: !(string(root.ociVersionMax) ?? '1.0.0').startsWith('1.0.'),
    netDevices: enabled(linux.netDevices),
    memoryPolicy: strings(object(linux.memoryPolicy).modes).length > 0,
    intelRdt: enabled(linux.intelRdt),
  }
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function enabled(value: unknown): boolean {
  return object(value).enabled === true
}
