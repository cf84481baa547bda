import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toJson } from '@bufbuild/protobuf'
import { type ContainerConfig, ContainerConfigSchema, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { errnoOf } from '../lib/errors.ts'
import { podUserNamespace } from '../oci/spec/user-namespace.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { PodParts } from './parts.ts'

/** What `crictl inspectp` shows beside the status: where everything is, and how the sandbox came to be as it is. */
export function describeSandbox(parts: PodParts, record: SandboxRecord): object {
  const { userns, netns, ipcns, utsns, hosts, resolvConf } = parts.layout.sandbox(record.id)
  const ownUser = podUserNamespace(record.config.linux?.securityContext?.namespaceOptions)
  const entry = parts.network.attachments().find(({ sandboxId }) => sandboxId === record.id)
  return {
    state: record.state,
    shim: record.shim,
    runtimeType: parts.handlers.of(record).command.path,
    namespaces: { ...(ownUser && { user: userns }), net: netns, ipc: ipcns, uts: utsns },
    hosts,
    resolvConf,
    network: entry?.attachment,
    ...(entry?.error !== undefined && { networkError: entry.error }),
    config: toJson(PodSandboxConfigSchema, record.config),
  }
}

/** What `crictl inspect` shows beside the status; `pid` and `runtimeSpec` under the names that containerd gave them. */
export function describeContainer(parts: PodParts, record: ContainerRecord): object {
  const { bundle, rootfs, upper } = parts.layout.container(record.id)
  const sandbox = parts.sandboxes.get(record.sandboxId)
  return {
    sandboxID: record.sandboxId,
    pid: 'pid' in record.state ? record.state.pid : 0,
    state: record.state,
    cgroup: record.cgroup,
    runtimeType: sandbox && parts.handlers.of(sandbox).command.path,
    bundle,
    rootfs,
    writableLayer: upper,
    runtimeSpec: readSpec(join(bundle, 'config.json')),
    config: readableConfig(record.config),
  }
}

function readSpec(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The configuration as JSON. In CRI the values of the environment are bytes, which JSON would show in base64. */
function readableConfig(config: ContainerConfig): object {
  const envs = config.envs.map(({ key, value }) => ({ key, value: Buffer.from(value).toString('utf8') }))
  return { ...(toJson(ContainerConfigSchema, { ...config, envs: [] }) as object), envs }
}
