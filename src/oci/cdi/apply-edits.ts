import { failedPrecondition } from '../../lib/errors.ts'
import { findRequestedDevices } from '../find-devices.ts'
import type { Device, DeviceRule, Hook, HookStage, Mount, Spec } from '../runtime-spec.ts'
import type { ContainerEdits } from './cdi-spec.ts'

/** The spec of a container with the edits of CDI devices made. Device nodes that name no numbers are looked up on the host. */
export function withCdiEdits(spec: Spec, edits: readonly ContainerEdits[]): Spec {
  return edits.reduce(withEdits, spec)
}

function withEdits(spec: Spec, edits: ContainerEdits): Spec {
  if (edits.intelRdt !== undefined) throw failedPrecondition('a CDI device asks for Intel RDT, which Berth does not do')
  if (edits.netDevices.length > 0) {
    throw failedPrecondition('a CDI device asks for network devices, which Berth does not do')
  }
  const { process, linux } = spec
  const names = new Set(edits.env.map(nameOf))
  const nodes = edits.deviceNodes.map((node): { device: Device; permissions: string } => {
    const found =
      node.type === 'p' || (node.type && node.major !== undefined && node.minor !== undefined)
        ? { type: node.type, major: node.major ?? 0, minor: node.minor ?? 0 }
        : onlyDevice(node.hostPath ?? node.path)
    const { fileMode, uid, gid } = { ...found, ...present(node) }
    const device = { ...found, path: node.path, ...present({ fileMode, uid, gid }) }
    return { device, permissions: node.permissions || 'rwm' }
  })
  const taken = new Set(nodes.map(({ device }) => device.path))
  const rules = nodes
    .filter(({ device }) => device.type === 'b' || device.type === 'c')
    .map(({ device, permissions }): DeviceRule => {
      const type = device.type === 'b' ? 'b' : 'c'
      return { allow: true, type, major: device.major, minor: device.minor, access: permissions }
    })
  const devices = [
    ...(linux.devices ?? []).filter((device) => !taken.has(device.path)),
    ...nodes.map(({ device }) => device),
  ]
  const gids = [...new Set([...(process.user.additionalGids ?? []), ...edits.additionalGids])].sort((a, b) => a - b)
  return {
    ...spec,
    process: {
      ...process,
      env: [...process.env.filter((entry) => !names.has(nameOf(entry))), ...edits.env],
      user: { ...process.user, ...(gids.length > 0 && { additionalGids: gids }) },
    },
    mounts: withMounts(spec.mounts, edits),
    ...(edits.hooks.length > 0 && { hooks: withHooks(spec.hooks ?? {}, edits) }),
    linux: {
      ...linux,
      ...(devices.length > 0 && { devices }),
      resources: { ...linux.resources, devices: [...(linux.resources.devices ?? []), ...rules] },
    },
  }
}

function onlyDevice(path: string): Device {
  const [device, ...others] = findRequestedDevices({ hostPath: path, containerPath: path })
  if (!device || others.length > 0)
    throw failedPrecondition(`the device node ${path} of a CDI device is not one device`)
  return device
}

function withMounts(mounts: readonly Mount[], edits: ContainerEdits): Mount[] {
  const added = edits.mounts.map(({ hostPath, containerPath, type, options }): Mount => {
    return { destination: containerPath, source: hostPath, type, options }
  })
  const taken = new Set(added.map(({ destination }) => destination))
  return [...mounts.filter(({ destination }) => !taken.has(destination)), ...added]
}

function withHooks(hooks: NonNullable<Spec['hooks']>, edits: ContainerEdits): NonNullable<Spec['hooks']> {
  const merged: Partial<Record<HookStage, readonly Hook[]>> = { ...hooks }
  for (const { hookName, ...hook } of edits.hooks) {
    merged[hookName] = [...(merged[hookName] ?? []), present(hook) as Hook]
  }
  return merged
}

/** The same without the keys that have no value. */
function present<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? ''
}
