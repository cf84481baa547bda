import { NamespaceMode } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { LinuxResources, Process, Spec } from '../runtime-spec.ts'
import { specAnnotations } from './annotations.ts'
import { containerCapabilities } from './capabilities.ts'
import { type ContainerDevices, requestedDevices } from './devices.ts'
import type { SpecInput } from './input.ts'
import { containerMounts } from './mounts.ts'
import { containerNamespaces } from './namespaces.ts'
import { oomScoreAdj } from './oom-score.ts'
import { processArgs, processCwd, processEnv } from './process.ts'
import { cgroupLimits, deviceRules } from './resources.ts'
import { type SelinuxLabels, selinuxLabels } from '../selinux/labels.ts'
import { apparmorProfile, containerSeccomp, protectedPaths, seccompChoice } from './security.ts'
import { podSysctls } from './sysctls.ts'
import { checkMappedIds, podUserNamespace } from './user-namespace.ts'

/**
 * The config.json of a container. Pure: everything on the host was looked up before (`containerSpec`). What is wrong with the
 * request is an invalid argument that names the field; what this host cannot do is a failed precondition.
 */
export function buildSpec(input: SpecInput): Spec {
  const { container, sandbox, host, sandboxPaths } = input
  const security = container.linux?.securityContext
  const privileged = security?.privileged ?? false
  const podOptions = sandbox.linux?.securityContext?.namespaceOptions
  if (privileged && !sandbox.linux?.securityContext?.privileged) {
    throw invalidArgument(
      'security_context.privileged: no privileged container is allowed in a sandbox that is not privileged',
    )
  }
  const labels = selinuxLabels(security?.selinuxOptions, privileged, host.selinuxContexts)
  const process = containerProcess(input, privileged, labels)
  const { mounts, rootfsPropagation } = containerMounts({
    requests: container.mounts,
    hostPaths: input.hostPaths,
    sandboxPaths,
    privileged,
    readonlyRootfs: security?.readonlyRootfs ?? false,
    cgroupWritable: input.handler?.cgroupWritable ?? false,
    hostIpc: podOptions?.ipc === NamespaceMode.NODE,
    recursiveReadOnly: host.recursiveReadOnly,
  })
  const devices = requestedDevices(container.devices, input.devices)
  const newCgroup = host.cgroupVersion === 2 && !privileged
  const seccomp = containerSeccomp(
    seccompChoice(security),
    input.localhostSeccomp,
    process.capabilities?.bounding ?? [],
    host,
  )
  const userNamespace = podUserNamespace(podOptions)
  checkMappedIds(userNamespace, input.user)
  const sysctl = input.sysctlsApplied ? {} : podSysctls(sandbox)
  return {
    ociVersion: '1.0.2',
    root: { path: input.rootfsPath, ...(security?.readonlyRootfs && { readonly: true }) },
    process,
    mounts,
    annotations: specAnnotations({
      sandboxId: input.sandboxId,
      sandbox,
      container,
      imageName: input.image.name,
      type: input.handler?.sandboxPerContainer ? 'sandbox' : 'container',
      podAnnotations: input.handler?.podAnnotations ?? [],
      containerAnnotations: input.handler?.containerAnnotations ?? [],
    }),
    linux: {
      namespaces: containerNamespaces(security?.namespaceOptions, podOptions, sandboxPaths, newCgroup),
      ...(userNamespace && { uidMappings: [userNamespace], gidMappings: [userNamespace] }),
      cgroupsPath: input.cgroupsPath,
      resources: resourcesOf(input, devices, privileged),
      ...protectedPaths(security),
      ...deviceNodes(input, devices, privileged),
      ...(Object.keys(sysctl).length > 0 && { sysctl }),
      ...(rootfsPropagation && { rootfsPropagation }),
      ...(seccomp && { seccomp }),
      ...(labels && { mountLabel: labels.file }),
    },
  }
}

function containerProcess(input: SpecInput, privileged: boolean, labels: SelinuxLabels | undefined): Process {
  const { container, sandbox, image, host } = input
  const security = container.linux?.securityContext
  const apparmor = apparmorProfile(security, host.apparmor, host.apparmorDefault)
  return {
    user: input.user,
    args: processArgs(container, image),
    env: processEnv(container, image, sandbox.hostname || host.hostname),
    cwd: processCwd(container, image),
    ...(container.tty && { terminal: true }),
    capabilities: containerCapabilities(security?.capabilities, privileged, host.capabilities),
    noNewPrivileges: security?.noNewPrivs ?? false,
    oomScoreAdj: oomScoreAdj(container.linux?.resources, host),
    ...(apparmor !== undefined && { apparmorProfile: apparmor }),
    ...(labels && { selinuxLabel: labels.process }),
  }
}

function resourcesOf(input: SpecInput, devices: ContainerDevices, privileged: boolean): LinuxResources {
  return {
    devices: deviceRules(devices.rules, privileged),
    ...cgroupLimits(input.container.linux?.resources, input.host, input.handler?.pidsLimit),
  }
}

/** A privileged container has the host's device nodes too; a node that it asks for itself takes the place of one of them. */
function deviceNodes(input: SpecInput, devices: ContainerDevices, privileged: boolean): Pick<Spec['linux'], 'devices'> {
  const ofHost = privileged && !input.handler?.privilegedWithoutHostDevices ? input.hostDevices : []
  const byPath = new Map([...ofHost, ...devices.nodes].map((node) => [node.path, node]))
  return byPath.size > 0 ? { devices: [...byPath.values()] } : {}
}
