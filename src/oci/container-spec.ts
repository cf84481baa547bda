import { checkApparmorProfile } from './apparmor.ts'
import { checkKernelFolders } from './check-root.ts'
import { withCdiEdits } from './cdi/apply-edits.ts'
import { findCdiEdits } from './cdi/find-edits.ts'
import { requestedCdiDevices } from './cdi/requested-devices.ts'
import { withHookFiles } from './hooks/apply-hooks.ts'
import { readHookFiles } from './hooks/hook-files.ts'
import { accountsOf } from './read-accounts.ts'
import { findHostDevices, findRequestedDevices } from './find-devices.ts'
import { checkHostPaths, findHostPaths } from './find-host-path.ts'
import { loadSeccompProfile } from './load-seccomp.ts'
import type { Spec } from './runtime-spec.ts'
import { withBaseSpec } from './spec/base.ts'
import { buildSpec } from './spec/build.ts'
import type { SpecInput } from './spec/input.ts'
import type { HostPath } from './spec/mounts.ts'
import { refuseResourceClasses } from './spec/resource-classes.ts'
import { seccompChoice } from './spec/security.ts'
import { type ResolvedUser, resolveUser } from './spec/user.ts'

/** What `buildSpec` needs, without what {@link containerSpec} looks up. */
export type SpecRequest = Omit<SpecInput, 'user' | 'hostPaths' | 'devices' | 'hostDevices' | 'localhostSeccomp'> & {
  /** Where the images that its mounts show are mounted, by the place of the mount. */
  readonly imageVolumes?: ReadonlyMap<number, string>
  /** Folders with descriptions of CDI devices and with OCI hooks; later ones go before earlier ones. */
  readonly cdiDirs?: readonly string[]
  readonly hooksDirs?: readonly string[]
  /** Told of each host path of a mount before it is looked at, which may take long. */
  readonly onLook?: (path: string) => void
}

/**
 * The config.json of a container, with what it depends on looked up on the host and in the container's root file system,
 * which must be mounted. Missing host paths of mounts are made, and nothing else; a request that is refused for any reason of
 * its own has changed nothing.
 */
export async function containerSpec(
  request: SpecRequest,
): Promise<{ readonly spec: Spec; readonly user: ResolvedUser }> {
  const { container, image, rootfsPath } = request
  const security = container.linux?.securityContext
  checkKernelFolders(rootfsPath, image.name)
  const seccomp = seccompChoice(security)
  const user = resolveUser(security, image.user, image.name, accountsOf(rootfsPath))
  const input = {
    ...request,
    user,
    devices: container.devices.map(findRequestedDevices),
    hostDevices: security?.privileged ? findHostDevices() : [],
    ...(seccomp?.kind === 'localhost' && { localhostSeccomp: loadSeccompProfile(seccomp.reference) }),
  }
  // Once without looking at the host paths, so that a bad request is refused before any of them is made.
  const edits = findCdiEdits(requestedCdiDevices(container), request.cdiDirs ?? [])
  const hookFiles = readHookFiles(request.hooksDirs ?? [])
  refuseResourceClasses({ ...request.sandbox.annotations, ...container.annotations })
  const images = request.imageVolumes ?? new Map<number, string>()
  checkHostPaths(container.mounts, images)
  const checked = buildSpec({ ...input, hostPaths: container.mounts.map(() => anyHostPath) })
  checkApparmorProfile(checked.process.apparmorProfile)
  const lookup = request.onLook ? { onLook: request.onLook } : {}
  const spec = buildSpec({ ...input, hostPaths: await findHostPaths(container.mounts, images, lookup) })
  const edited = withCdiEdits(withBaseSpec(spec, request.handler?.baseSpec), edits)
  const facts = {
    annotations: { ...request.sandbox.annotations, ...container.annotations },
    hasBindMounts: container.mounts.length > 0,
  }
  return { spec: withHookFiles(edited, hookFiles, facts), user }
}

const anyHostPath: HostPath = { source: '/', mountPoint: '/', propagation: 'shared' }
