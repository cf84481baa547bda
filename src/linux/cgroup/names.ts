import { invalidArgument } from '../../lib/errors.ts'

/** Who makes the cgroups of containers: the OCI runtime by itself, or systemd at its request. */
export type CgroupDriver = 'cgroupfs' | 'systemd'

export interface CgroupName {
  /** `linux.cgroupsPath` of the runtime spec. */
  readonly cgroupsPath: string
  /** Where the cgroup then is in its hierarchy. */
  readonly path: string
}

/** Before the container's id in the name of its systemd scope, as the kubelet's cAdvisor expects (`cri-…-<id>.scope`). */
const scopePrefix = 'cri-berth'

/**
 * The cgroup of a container.
 *
 * @param parent `cgroup_parent` as the kubelet gives it: a path (`/kubepods/burstable/pod…`), or with the systemd driver a
 *   slice (`kubepods-burstable-pod….slice`, with or without the path that it expands to before it).
 * Throws invalid-argument when the parent does not fit the driver.
 */
export function containerCgroup(parent: string, id: string, driver: CgroupDriver): CgroupName {
  const path = parentPath(parent, driver)
  if (driver === 'cgroupfs') return { cgroupsPath: `${path}/${id}`, path: `${path}/${id}` }
  return { cgroupsPath: `${lastPart(parent)}:${scopePrefix}:${id}`, path: `${path}/${scopePrefix}-${id}.scope` }
}

/** Where the cgroup of a `linux.cgroupsPath` is. Throws invalid-argument for one that does not fit the driver. */
export function cgroupAt(cgroupsPath: string, driver: CgroupDriver): string {
  if (driver === 'cgroupfs') return parentPath(cgroupsPath, driver)
  const [slice = '', prefix = '', name = '', ...more] = cgroupsPath.split(':')
  if (more.length > 0 || !/^[\w.\\-]+$/.test(`${prefix}${name}`)) {
    throw invalidArgument(`${JSON.stringify(cgroupsPath)} is not slice:prefix:name, as the systemd cgroup driver needs`)
  }
  return `${expandSlice(slice)}/${prefix}-${name}.scope`
}

/** The id of the container that a cgroup with this name is of; undefined when it is not of one of Berth's. */
export function containerOfCgroup(name: string): string | undefined {
  return /^(?:cri-berth-)?([0-9a-f]{64})(?:\.scope)?$/.exec(name)?.[1]
}

/** The cgroup parent of pods that name none, in the form of the driver: `/a/b`, or for systemd `a-b.slice`. */
export function defaultParent(configured: string, driver: CgroupDriver): string {
  if (driver === 'cgroupfs' || configured.endsWith('.slice')) return configured
  return `${configured.split('/').filter(Boolean).join('-')}.slice`
}

/** The path of a pod's own cgroup. Throws invalid-argument as {@link containerCgroup} does. */
export function parentPath(parent: string, driver: CgroupDriver): string {
  if (lastPart(parent).endsWith('.slice')) return expandSlice(lastPart(parent))
  if (driver === 'systemd') {
    throw invalidArgument(
      `cgroup_parent ${JSON.stringify(parent)} is not a systemd slice ("….slice"), but Berth's cgroup driver is systemd; ` +
        'kubelet and Berth must use the same driver',
    )
  }
  const parts = parent.split('/').filter((part) => part !== '')
  if (parts.length === 0 || parts.includes('..') || parts.includes('.') || /[\p{Cc}:]/u.test(parent)) {
    throw invalidArgument(`cgroup_parent ${JSON.stringify(parent)} is not a path below the root of the cgroups`)
  }
  return `/${parts.join('/')}`
}

/**
 * Where systemd puts a slice: `a-b-c.slice` is in `a-b.slice`, which is in `a.slice` (systemd.slice(5)).
 * Throws invalid-argument for what is not the name of a slice below the root slice.
 */
export function expandSlice(slice: string): string {
  const name = slice.slice(0, -'.slice'.length)
  const parts = name.split('-')
  if (!slice.endsWith('.slice') || parts.some((part) => part === '') || !/^[a-zA-Z0-9:_.\\-]+$/.test(name)) {
    throw invalidArgument(`${JSON.stringify(slice)} is not the name of a systemd slice`)
  }
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join('-')}.slice`).join('')
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
