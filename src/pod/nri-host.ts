import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PodNamespace } from '../nri/messages/pod.ts'
import type { NriHost } from '../nri/port.ts'
import type { Spec } from '../oci/runtime-spec.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import { podUserNamespace } from '../oci/spec/user-namespace.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { getContainer } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { stopContainer } from './stop-container.ts'
import { changeContainerResources } from './update-resources.ts'

/** The pods and containers for NRI plugins: what there is, and what they may have done with it. */
export function nriHost(parts: PodParts): NriHost {
  return {
    sandboxes: () => parts.sandboxes.all(),
    containers: () => parts.containers.all(),
    container: (id) => parts.containers.get(id),
    sandbox: (id) => parts.sandboxes.get(id),
    namespaces: (sandbox) => namespacesOf(parts, sandbox),
    spec: (id) => readSpec(join(parts.layout.container(id).bundle, 'config.json')),
    imageDigest: ({ imageId }) => parts.images.status(imageId)?.manifestDigest ?? '',
    update: (id, resources) => changeContainerResources(parts, id, resources),
    evict: (id) => stopContainer(parts, getContainer(parts, id), 0),
  }
}

function namespacesOf(parts: PodParts, { id, config, state }: SandboxRecord): PodNamespace[] {
  if (state.phase === 'stopped') return []
  const options = config.linux?.securityContext?.namespaceOptions
  const { userns, netns, ipcns, utsns } = parts.layout.sandbox(id)
  const own = podNamespaces(options)
  return [
    ...(podUserNamespace(options) ? [{ type: 'user', path: userns }] : []),
    ...(own.net ? [{ type: 'network', path: netns }] : []),
    ...(own.ipc ? [{ type: 'ipc', path: ipcns }] : []),
    ...(own.uts ? [{ type: 'uts', path: utsns }] : []),
  ]
}

function readSpec(file: string): Spec | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Spec
  } catch {
    return undefined
  }
}
