import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { clone, create } from '@bufbuild/protobuf'
import {
  ContainerConfigSchema,
  LinuxContainerConfigSchema,
  type LinuxContainerResources,
  LinuxPodSandboxConfigSchema,
  PodSandboxConfigSchema,
} from '../gen/cri_pb.ts'
import { failedPrecondition, invalidArgument } from '../lib/errors.ts'
import type { SandboxResources } from '../nri/port.ts'
import { writeBundle } from '../oci/bundle.ts'
import { OciRuntime } from '../oci/runtime.ts'
import type { Spec } from '../oci/runtime-spec.ts'
import { oomScoreAdj } from '../oci/spec/oom-score.ts'
import { cgroupLimits } from '../oci/spec/resources.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { getContainer, getSandbox } from './lookup.ts'
import { mergeResources } from './merge-resources.ts'
import type { PodParts } from './parts.ts'

/** How long systemd may take, in milliseconds. */
const systemdPatienceMs = 30_000

/**
 * Changes the limits of a container: all that are asked for, or none. Of one that runs, in its cgroup at once; of one that is
 * created, in its bundle. The record then says what was asked for, which ContainerStatus shows. Updates of one container
 * happen one after the other. Throws invalid-argument, and failed-precondition for a container that has ended.
 */
export async function updateContainerResources(
  parts: PodParts,
  id: string,
  asked: LinuxContainerResources | undefined,
): Promise<void> {
  if (!asked) return void getContainer(parts, id)
  await changeContainerResources(parts, id, asked, (container) => parts.nri.updateContainer(container, asked))
  parts.nri.containerUpdated(getContainer(parts, id))
}

/**
 * The same without asking NRI plugins.
 *
 * @param wish what is to be done in the place of `asked`, for a container that can be changed
 */
export async function changeContainerResources(
  parts: PodParts,
  id: string,
  asked: LinuxContainerResources,
  wish: (container: ContainerRecord) => Promise<LinuxContainerResources> = async () => asked,
): Promise<void> {
  const container = getContainer(parts, id)
  cgroupLimits(asked, parts.host)
  oomScoreAdj(asked, parts.host)
  await parts.updates.run(container.id, () =>
    parts.operations.run(
      { name: 'UpdateContainerResources', key: container.id, fingerprint: '' },
      async (setStage) => {
        setStage('waiting for its start to end')
        await parts.operations.join('StartContainer', container.id)
        setStage('changing its limits')
        requireChangeable(getContainer(parts, container.id))
        const wanted = await wish(getContainer(parts, container.id))
        await update(parts, getContainer(parts, container.id), wanted)
      },
      () => failedPrecondition(`the resources of container "${container.id}" are being changed`),
    ),
  )
}

function requireChangeable({ id, state }: ContainerRecord): void {
  if (state.phase === 'created' || state.phase === 'running') return
  throw failedPrecondition(
    `container "${id}" is ${state.phase}: only the resources of a created or running container can be changed`,
  )
}

async function update(parts: PodParts, container: ContainerRecord, asked: LinuxContainerResources): Promise<void> {
  const before = container.config.linux?.resources
  const merged = mergeResources(before, asked)
  switch (container.state.phase) {
    case 'created':
      // In one stretch with the record: a start can come before or after, not in between.
      updateBundle(parts, container, merged)
      break
    case 'running':
      await changeLimits(parts, container, asked)
      break
    default:
      requireChangeable(container)
  }
  parts.containers.update(container.id, (record) => {
    const config = clone(ContainerConfigSchema, record.config)
    config.linux ??= create(LinuxContainerConfigSchema)
    config.linux.resources = merged
    return { ...record, config }
  })
}

/**
 * In the cgroup itself: at once, and all or none. With the systemd driver the OCI runtime tells systemd too, which would
 * otherwise bring the old limits back when it reloads its units.
 */
async function changeLimits(
  parts: PodParts,
  container: ContainerRecord,
  asked: LinuxContainerResources,
): Promise<void> {
  const { command, cgroupDriver } = parts.handlers.of(getSandbox(parts, container.sandboxId))
  const before = container.config.linux?.resources
  const limits = cgroupLimits(asked, parts.host)
  await parts.cgroups.limit(container.cgroup, limits, Number(before?.cpuShares ?? 0n))
  if (cgroupDriver !== 'systemd') return
  try {
    const runtime = new OciRuntime({ ...command, reaper: parts.reaper })
    await runtime.update({ id: container.id, resources: limits, signal: AbortSignal.timeout(systemdPatienceMs) })
  } catch (error) {
    await parts.cgroups.limit(container.cgroup, cgroupLimits(before, parts.host), Number(asked.cpuShares))
    throw error
  }
}

function updateBundle(parts: PodParts, container: ContainerRecord, resources: LinuxContainerResources): void {
  const { bundle } = parts.layout.container(container.id)
  const spec = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec
  const limits = { ...spec.linux.resources, ...cgroupLimits(resources, parts.host) }
  writeBundle(bundle, { ...spec, linux: { ...spec.linux, resources: limits } })
}

/**
 * Takes note of what the containers of a pod have together. The kubelet says so before it changes the pod's cgroup, which is
 * its own; any error here would make it give up the change.
 */
export async function updateSandboxResources(parts: PodParts, id: string, asked: SandboxResources): Promise<void> {
  const sandbox = getSandbox(parts, id)
  if (!asked.overhead && !asked.resources) throw invalidArgument('the request has neither overhead nor resources')
  cgroupLimits(asked.overhead, parts.host)
  cgroupLimits(asked.resources, parts.host)
  if (sandbox.state.phase !== 'ready') {
    throw failedPrecondition(`sandbox "${sandbox.id}" is ${sandbox.state.phase}: its resources cannot be changed`)
  }
  await parts.nri.updateSandbox(sandbox, asked)
  const updated = parts.sandboxes.update(sandbox.id, (record) => {
    const config = clone(PodSandboxConfigSchema, record.config)
    config.linux ??= create(LinuxPodSandboxConfigSchema)
    if (asked.overhead) config.linux.overhead = asked.overhead
    if (asked.resources) config.linux.resources = asked.resources
    return { ...record, config }
  })
  if (updated) parts.nri.sandboxUpdated(updated)
}
