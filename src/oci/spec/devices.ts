import type { Device as DeviceRequest } from '../../gen/cri_pb.ts'
import { internal, invalidArgument } from '../../lib/errors.ts'
import type { Device, DeviceRule } from '../runtime-spec.ts'

/** The devices to make in a container and what it may do with them. */
export interface ContainerDevices {
  readonly nodes: readonly Device[]
  readonly rules: readonly DeviceRule[]
}

/**
 * The devices that a container asks for.
 *
 * @param found the nodes of each request, at their paths in the container
 */
export function requestedDevices(
  requests: readonly DeviceRequest[],
  found: readonly (readonly Device[])[],
): ContainerDevices {
  const nodes: Device[] = []
  const rules: DeviceRule[] = []
  requests.forEach((request, index) => {
    const devices = found[index]
    if (!devices) throw internal(`the device ${request.hostPath} was not looked up`)
    const access = devicePermissions(request)
    for (const device of devices) {
      nodes.push(device)
      const type = device.type === 'b' ? 'b' : 'c'
      rules.push({ allow: true, type, major: device.major, minor: device.minor, access })
    }
  })
  return { nodes, rules }
}

/** Letters out of `rwm`; all of them when the request has none. */
function devicePermissions(request: DeviceRequest): string {
  if (request.permissions === '') return 'rwm'
  if (!/^[rwm]{1,3}$/.test(request.permissions)) {
    throw invalidArgument(
      `devices: the permissions of ${request.hostPath} are ${JSON.stringify(request.permissions)}, not letters out of rwm`,
    )
  }
  return [...'rwm'].filter((letter) => request.permissions.includes(letter)).join('')
}
