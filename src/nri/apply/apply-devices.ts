import type { LinuxDevice } from '../../gen/nri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { Device, DeviceRule, Spec } from '../../oci/runtime-spec.ts'
import { containerPath, safeNumber } from '../../oci/spec/checks.ts'
import { isRemoval, unmarked } from '../merge/removal.ts'

/** Device nodes that are taken away, and those that are added, with the right to use them. */
export function withDevices(spec: Spec, changes: readonly LinuxDevice[]): Spec {
  if (changes.length === 0) return spec
  const taken = new Set(changes.map(({ path }) => unmarked(path)))
  const added = changes.filter(({ path }) => !isRemoval(path)).map(deviceOf)
  const kept = (spec.linux.devices ?? []).filter(({ path }) => !taken.has(path))
  const devices = [...kept, ...added]
  const rules = [...(spec.linux.resources.devices ?? []), ...added.flatMap(ruleOf)]
  return { ...spec, linux: { ...spec.linux, devices, resources: { ...spec.linux.resources, devices: rules } } }
}

function deviceOf({ path, type, major, minor, fileMode, uid, gid }: LinuxDevice): Device {
  if (type !== 'c' && type !== 'b' && type !== 'u' && type !== 'p') {
    throw invalidArgument(`an NRI plugin adds the device ${path} of type ${JSON.stringify(type)}, which is none`)
  }
  return {
    path: containerPath('the path of a device of an NRI plugin', path),
    type,
    major: safeNumber('device.major', major),
    minor: safeNumber('device.minor', minor),
    ...(fileMode && { fileMode: fileMode.value }),
    ...(uid && { uid: uid.value }),
    ...(gid && { gid: gid.value }),
  }
}

/** Making more nodes of a device is only allowed of block devices, as the reference has it. */
function ruleOf({ type, major, minor }: Device): DeviceRule[] {
  if (type === 'p') return []
  const kind = type === 'b' ? 'b' : 'c'
  return [{ allow: true, type: kind, major, minor, access: kind === 'b' ? 'rwm' : 'rw' }]
}
