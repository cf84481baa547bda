import { mkdirSync } from 'node:fs'
import { type PodSandboxConfig, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { alreadyExists, BerthError, operationFailed } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { newId } from '../lib/ids.ts'
import { UndoStack } from '../lib/undo.ts'
import { parentPath } from '../linux/cgroup/names.ts'
import { podBandwidth } from '../network/bandwidth.ts'
import type { HostPort, PodAttachRequest } from '../network/port.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import { podSysctls } from '../oci/spec/sysctls.ts'
import type { SetStage } from '../state/operations.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { nextSandboxState } from '../state/sandbox-state.ts'
import { fingerprint } from './fingerprint.ts'
import type { PodParts } from './parts.ts'
import {
  checkSandboxUser,
  hostPorts,
  onHostNetwork,
  podCgroup,
  podDns,
  sandboxHostname,
  sandboxKey,
  sandboxMetadata,
} from './sandbox-config.ts'
import { releaseNetwork, removeFolder } from './release-network.ts'
import { giveSandboxFiles, resolvConf, writeHosts, writeSandboxFiles } from './sandbox-files.ts'
import { hasPlainNetworkNamespace, makeSandboxNamespaces } from './sandbox-namespaces.ts'
import { sandboxUserNamespace } from './sandbox-user-namespace.ts'

/**
 * Makes a pod's sandbox: its namespaces, files and network. It is ready, with its addresses known, when this resolves, with
 * its id. The same request again joins the one under way or gets the sandbox that the first one made.
 */
export function runSandbox(
  parts: PodParts,
  config: PodSandboxConfig | undefined,
  runtimeHandler: string,
): Promise<string> {
  const metadata = sandboxMetadata(config)
  const request = {
    name: 'RunPodSandbox',
    key: sandboxKey(metadata),
    fingerprint: fingerprint(PodSandboxConfigSchema, config as PodSandboxConfig, runtimeHandler),
  }
  return parts.operations.run(
    request,
    async (setStage) => {
      const known = findSandbox(parts, request.key)
      if (known) return repeated(known, request)
      return make(parts, config as PodSandboxConfig, runtimeHandler, request.fingerprint, setStage)
    },
    (underWay) =>
      alreadyExists(
        `another RunPodSandbox for pod ${request.key} with a different configuration is under way (${underWay.stage}); wait for it`,
      ),
  )
}

function findSandbox(parts: PodParts, key: string): SandboxRecord | undefined {
  return parts.sandboxes.all().find((record) => sandboxKey(sandboxMetadata(record.config)) === key)
}

/** The sandbox of an earlier request under the same name: the answer to the same request, a conflict for another. */
function repeated(known: SandboxRecord, request: { key: string; fingerprint: string }): string {
  const same = known.fingerprint === request.fingerprint
  if (same && known.state.phase === 'ready') return known.id
  throw alreadyExists(
    `the name ${request.key} is taken by sandbox ${known.id}, which is ${known.state.phase}` +
      `${same ? '' : ' and has a different configuration'}; remove that sandbox, or ask for another attempt`,
  )
}

async function make(
  parts: PodParts,
  config: PodSandboxConfig,
  runtimeHandler: string,
  digest: string,
  setStage: SetStage,
): Promise<string> {
  // Whatever can be refused is refused before anything is changed.
  const hostname = sandboxHostname(config)
  const ports = hostPorts(config)
  const dns = podDns(config)
  if (dns) resolvConf(dns)
  podSysctls(config)
  checkSandboxUser(config)
  const userns = sandboxUserNamespace(config, parts.handlers.get(runtimeHandler))
  const { command, cgroupDriver } = parts.handlers.usable(runtimeHandler)
  const cgroup = parentPath(podCgroup(parts, config, cgroupDriver), cgroupDriver)
  const attachesNetwork = !onHostNetwork(config)
  if (attachesNetwork) requireNetwork(parts)

  faultPoint('run-sandbox:asked')
  const request = attachesNetwork ? attachRequest(config, ports, cgroup) : undefined
  const spare = request && hasPlainNetworkNamespace(config) ? parts.spares.take(request) : undefined
  const id = spare ?? newId()
  const layout = parts.layout.sandbox(id)
  await using undo = new UndoStack(parts.log.child({ sandbox: id }))
  if (spare !== undefined) undo.add('remove what was made ahead', () => parts.spares.remove(id))

  setStage('writing its record')
  const shim = parts.shims.assign(id)
  undo.add('free its place in the shim', () => parts.shims.release(id, shim))
  parts.sandboxes.put({
    id,
    config,
    fingerprint: digest,
    runtimeHandler,
    runtime: { ...command, cgroupDriver },
    createdAt: parts.clock(),
    shim,
    ips: [],
    state: { phase: 'creating' },
  })
  undo.add('delete its record', () => parts.sandboxes.delete(id))
  faultPoint('run-sandbox:recorded')

  // The network's plugins start meanwhile, and the shim when it is not there yet.
  const made = Promise.withResolvers<void>()
  const attaching = request && attach(parts, id, request, made.promise)
  const shimReady = parts.shims.get(shim)
  for (const later of [made.promise, attaching, shimReady]) later?.catch(() => {})
  setStage('making its namespaces and files')
  try {
    mkdirSync(layout.folder, { recursive: true, mode: 0o700 })
    undo.add('remove its files and mounts', () => removeFolder(parts, id))
    faultPoint('run-sandbox:folder-made')
    await makeSandboxNamespaces(parts.reaper, layout, config, hostname, spare !== undefined)
    faultPoint('run-sandbox:namespaces-made')
    const { ipc: ownIpc } = podNamespaces(config.linux?.securityContext?.namespaceOptions)
    writeSandboxFiles(layout, { hostname, dns, onHostNetwork: !attachesNetwork, ownIpc })
    faultPoint('run-sandbox:files-written')
  } catch (error) {
    made.reject(error)
    // Then there is no attachment any more for which the folder would be kept.
    await attaching?.catch(() => {})
    throw error
  }

  let ips: readonly string[] = []
  if (attaching) {
    setStage('attaching it to the network')
    undo.add('take it off the network', () => releaseNetwork(parts, id))
    made.resolve()
    ips = await attaching
    faultPoint('run-sandbox:network-attached')
    writeHosts(layout, hostname, ips)
  }
  if (userns) giveSandboxFiles(layout, userns.hostID)

  setStage('asking NRI plugins')
  const announced = { ...(parts.sandboxes.get(id) as SandboxRecord), ips }
  undo.add('tell NRI plugins that it is not to be', () => parts.nri.sandboxUndone(announced))
  await parts.nri.runSandbox(announced)
  faultPoint('run-sandbox:plugins-asked')
  parts.warmup.expectAttach()
  setStage('waiting for its shim')
  await shimReady
  faultPoint('run-sandbox:shim-ready')
  parts.sandboxes.update(id, (record) => ({ ...record, ips, state: nextSandboxState(record.state, { type: 'made' }) }))
  undo.commit()
  faultPoint('run-sandbox:made')
  parts.spares.fillSoon()
  return id
}

function requireNetwork(parts: PodParts): void {
  const { ready, reason, message } = parts.network.ready()
  if (!ready) throw new BerthError('failed-precondition', `the network is not ready: ${reason}: ${message}`)
}

/** What the network is told about the pod. */
function attachRequest(config: PodSandboxConfig, ports: readonly HostPort[], cgroup: string): PodAttachRequest {
  const { name, namespace, uid } = sandboxMetadata(config)
  const dns = podDns(config)
  const bandwidth = podBandwidth(config.annotations)
  return {
    podNamespace: namespace,
    podName: name,
    podUid: uid,
    hostPorts: ports,
    ...(bandwidth && { bandwidth }),
    ...(dns && { dns }),
    cgroupParent: cgroup,
    annotations: config.annotations,
  }
}

async function attach(
  parts: PodParts,
  sandboxId: string,
  request: PodAttachRequest,
  ready: Promise<void>,
): Promise<readonly string[]> {
  const netnsPath = parts.layout.sandbox(sandboxId).netns
  const attachment = await parts.network.attach({ ...request, sandboxId, netnsPath }, { ready })
  if (attachment.ips.length === 0) throw operationFailed('the network gave the pod no address')
  return attachment.ips
}
