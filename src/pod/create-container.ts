import { chownSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ContainerConfig, ContainerConfigSchema } from '../gen/cri_pb.ts'
import { alreadyExists, failedPrecondition } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { newId } from '../lib/ids.ts'
import { UndoStack } from '../lib/undo.ts'
import { containerCgroup } from '../linux/cgroup/names.ts'
import { makeFifo } from '../linux/fifo.ts'
import { writeBundle } from '../oci/bundle.ts'
import { containerSpec } from '../oci/container-spec.ts'
import { criuAnnotations } from '../oci/criu.ts'
import type { SandboxPaths } from '../oci/spec/input.ts'
import { selinuxLabels } from '../oci/selinux/labels.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import type { ResolvedUser } from '../oci/spec/user.ts'
import { podUserNamespace } from '../oci/spec/user-namespace.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { nextContainerState } from '../state/container-state.ts'
import type { SetStage } from '../state/operations.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { containerMetadata, imageReference, logPath, stopSignal } from './container-config.ts'
import { mountRootfs } from './container-rootfs.ts'
import { fingerprint } from './fingerprint.ts'
import { labelFiles } from './label-files.ts'
import { imageMounts, imageVolumesOf, mountImageVolumes } from './image-volumes.ts'
import { containersOf, getContainer, getSandbox } from './lookup.ts'
import { recordOfAdjusted } from './nri-adjusted.ts'
import type { PodParts } from './parts.ts'
import { outputPipes } from './pipe-holder.ts'
import { removeContainerFiles } from './remove-container.ts'
import { prepareStart } from './prepare-start.ts'
import { podCgroup } from './sandbox-config.ts'
import { makeSharedPidNamespace, sharesPidNamespace } from './shared-pid-namespace.ts'

/**
 * Makes a container in a ready sandbox: its root file system, its bundle and its pipes; no process yet. The same request
 * again joins the one under way or gets the container that the first one made. Answers its id.
 */
export async function createContainer(
  parts: PodParts,
  sandboxId: string,
  config: ContainerConfig | undefined,
): Promise<string> {
  const metadata = containerMetadata(config)
  const sandbox = getSandbox(parts, sandboxId)
  const key = `${sandbox.id}/${metadata.name}/${metadata.attempt}`
  const digest = fingerprint(ContainerConfigSchema, config as ContainerConfig)
  return parts.operations.run(
    { name: 'CreateContainer', key, fingerprint: digest },
    async (setStage) => {
      const known = containersOf(parts, sandbox.id).find((record) => {
        const taken = containerMetadata(record.config)
        return taken.name === metadata.name && taken.attempt === metadata.attempt
      })
      if (known) return repeated(known, digest)
      return make(parts, sandbox.id, config as ContainerConfig, digest, setStage)
    },
    (underWay) =>
      alreadyExists(
        `another CreateContainer for ${key} with a different configuration is under way (${underWay.stage}); wait for it`,
      ),
  )
}

/** The container of an earlier request under the same name: the answer to the same request, a conflict for another. */
function repeated(known: ContainerRecord, digest: string): string {
  const same = known.fingerprint === digest
  if (same && known.state.phase === 'created') return known.id
  const { name, attempt } = containerMetadata(known.config)
  throw alreadyExists(
    `the name ${name}, attempt ${attempt}, is taken by container ${known.id}, which is ${known.state.phase}` +
      `${same ? '' : ' and has a different configuration'}; remove that container, or ask for another attempt`,
  )
}

async function make(
  parts: PodParts,
  sandboxId: string,
  config: ContainerConfig,
  digest: string,
  setStage: SetStage,
): Promise<string> {
  const sandbox = requireReady(parts, sandboxId)
  setStage('looking up its images')
  const image = await parts.images.use(imageReference(config))
  const volumes = await imageMounts(parts, config)
  faultPoint('create-container:images-found')
  const id = newId()
  const layout = parts.layout.container(id)
  const handler = parts.handlers.of(sandbox)
  const cgroup = containerCgroup(podCgroup(parts, sandbox.config, handler.cgroupDriver), id, handler.cgroupDriver)
  const userns = podUserNamespace(sandbox.config.linux?.securityContext?.namespaceOptions)
  const owner = userns && { userns: parts.layout.sandbox(sandbox.id).userns, hostId: userns.hostID }
  const { privileged = false, selinuxOptions } = config.linux?.securityContext ?? {}
  const labels = selinuxLabels(selinuxOptions, privileged, handler.host.selinuxContexts)
  await using undo = new UndoStack(parts.log.child({ container: id }))

  // Most often the start of the container comes next.
  parts.warmup.expectAttach()
  setStage('writing its record')
  parts.containers.put({
    id,
    sandboxId: sandbox.id,
    config,
    fingerprint: digest,
    imageId: image.id,
    ...(volumes.length > 0 && { imageVolumes: imageVolumesOf(volumes) }),
    createdAt: parts.clock(),
    logPath: logPath(config, sandbox.config),
    cgroup: cgroup.path,
    stopSignal: stopSignal(config, image.config.stopSignal),
    user: { uid: 0, gid: 0, groups: [] },
    state: { phase: 'creating' },
  })
  undo.add('delete its record', () => parts.containers.delete(id))
  faultPoint('create-container:recorded')

  setStage('mounting its root file system')
  undo.add('remove its files', () => removeContainerFiles(parts, id))
  mountRootfs(layout, image.layerDirs, owner, labels?.file)
  const imageVolumes = mountImageVolumes(layout, volumes, owner)
  faultPoint('create-container:rootfs-mounted')

  setStage('working out its configuration')
  const { spec: planned, user } = await containerSpec({
    container: config,
    sandbox: sandbox.config,
    image: { name: config.image?.userSpecifiedImage || imageReference(config), ...image.config },
    containerId: id,
    sandboxId: sandbox.id,
    rootfsPath: layout.rootfs,
    sandboxPaths: sandboxPaths(parts, sandbox, config),
    cgroupsPath: cgroup.cgroupsPath,
    handler: handler.options,
    host: handler.host,
    sysctlsApplied: true,
    imageVolumes,
    cdiDirs: parts.settings.cdiDirs,
    hooksDirs: parts.settings.hooksDirs,
    onLook: (path) => setStage(`looking for the host path ${path}`),
  })
  faultPoint('create-container:configured')
  setStage('asking NRI plugins')
  const announced = { ...(parts.containers.get(id) as ContainerRecord), ...idsOf(user) }
  undo.add('tell NRI plugins that it is not to be', () => parts.nri.containerUndone(announced))
  const spec = await parts.nri.createContainer(announced, planned, handler.host)
  faultPoint('create-container:plugins-asked')
  const adjusted = recordOfAdjusted(announced, planned, spec, handler.cgroupDriver)
  setStage('writing its bundle')
  // Not before the request is known to be good: what is refused changes nothing.
  if (sharesPidNamespace(config)) await makeSharedPidNamespace(parts, requireReady(parts, sandbox.id))
  writeBundle(layout.bundle, { ...spec, annotations: { ...spec.annotations, ...criuAnnotations(layout.bundle) } })
  faultPoint('create-container:bundle-written')
  for (const name of outputPipes(config.tty)) makeFifo(join(layout.bundle, name))
  parts.pipes.hold(id, layout.bundle, config.tty)
  undo.add('let go of its pipes', () => parts.pipes.release(id))
  if (config.stdin) makeFifo(join(layout.bundle, 'stdin'))
  if (owner) givePipes(layout.bundle, owner.hostId)
  const contexts = handler.host.selinuxContexts
  if (labels && contexts) {
    setStage('labelling its files')
    await labelFiles({
      bundle: layout.bundle,
      sandbox: parts.layout.sandbox(sandbox.id),
      config,
      spec,
      labels,
      contexts,
    })
  }
  faultPoint('create-container:pipes-made')

  // The sandbox may have been stopped or removed meanwhile, and did not know of this container.
  requireReady(parts, sandbox.id)
  const made = parts.containers.update(id, (record) => ({
    ...adjusted,
    state: nextContainerState(record.state, { type: 'made' }),
  }))
  undo.commit()
  faultPoint('create-container:made')
  if (made) prepareStart(parts, made)
  if (made) parts.nri.containerCreated(made)
  return id
}

function idsOf({ uid, gid, additionalGids }: ResolvedUser): Pick<ContainerRecord, 'user'> {
  return { user: { uid, gid, groups: additionalGids } }
}

function requireReady(parts: PodParts, sandboxId: string): SandboxRecord {
  const sandbox = getSandbox(parts, sandboxId)
  if (sandbox.state.phase !== 'ready') {
    throw failedPrecondition(`sandbox "${sandbox.id}" is ${sandbox.state.phase}: it takes no more containers`)
  }
  return sandbox
}

/** A container with ids of its own must be able to open its /dev/stdout again. */
function givePipes(bundle: string, hostId: number): void {
  for (const name of ['stdin', 'stdout', 'stderr']) {
    const path = join(bundle, name)
    if (existsSync(path)) chownSync(path, hostId, hostId)
  }
}

function sandboxPaths(parts: PodParts, sandbox: SandboxRecord, config: ContainerConfig): SandboxPaths {
  const layout = parts.layout.sandbox(sandbox.id)
  const own = podNamespaces(sandbox.config.linux?.securityContext?.namespaceOptions)
  const target = config.linux?.securityContext?.namespaceOptions?.targetId
  return {
    ...(podUserNamespace(sandbox.config.linux?.securityContext?.namespaceOptions) && { userns: layout.userns }),
    ...(own.net && { netns: layout.netns }),
    ...(own.ipc && { ipcns: layout.ipcns, shm: layout.shm }),
    ...(own.uts && { utsns: layout.utsns }),
    ...(sharesPidNamespace(config) && { pidns: layout.pidns }),
    ...(target && { targetPidns: targetPidNamespace(parts, sandbox.id, target) }),
    hosts: layout.hosts,
    resolvConf: layout.resolvConf,
    hostname: layout.hostname,
  }
}

/** The PID namespace of a running container of the same pod: the mode TARGET, for ephemeral containers. */
function targetPidNamespace(parts: PodParts, sandboxId: string, targetId: string): string {
  const target = getContainer(parts, targetId)
  if (target.sandboxId !== sandboxId) {
    throw failedPrecondition(`the target container "${targetId}" is in another sandbox`)
  }
  if (target.state.phase !== 'running') {
    throw failedPrecondition(`the target container "${targetId}" is ${target.state.phase}, not running`)
  }
  return `/proc/${target.state.pid}/ns/pid`
}
