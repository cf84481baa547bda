import assert from 'node:assert/strict'
import { PodSandboxState } from '../../../src/gen/cri_pb.ts'
import type { CrashWorld } from './crash-world.ts'
import type { Scenario } from './scenario.ts'

async function assertReady({ client }: CrashWorld, podSandboxId: string): Promise<void> {
  const { status } = await client.runtime.podSandboxStatus({ podSandboxId })
  assert.equal(status?.state, PodSandboxState.SANDBOX_READY)
  assert.match(status?.network?.ip ?? '', /^10\./)
}

const container = (world: CrashWorld, name = 'c') => world.client.containerConfig(name, 'echo ready; exec sleep 1000')

/** A pod with a running container. */
async function runPod(world: CrashWorld): Promise<string> {
  const { client } = world
  const pod = await client.runSandbox(client.sandboxConfig('victim'))
  await client.logged(await client.runContainer(pod, container(world)), 'ready')
  return pod
}

export const runPodSandbox: Scenario = {
  operation: 'RunPodSandbox',
  points: [
    'run-sandbox:asked',
    'run-sandbox:recorded',
    'run-sandbox:folder-made',
    'namespaces:made',
    'namespaces:pinned',
    'run-sandbox:namespaces-made',
    'run-sandbox:files-written',
    'network:attachment-recorded',
    'network:plugins-added',
    'network:attached',
    'run-sandbox:network-attached',
    'run-sandbox:plugins-asked',
    'run-sandbox:shim-ready',
    'run-sandbox:made',
  ],
  async prepare(world) {
    const { client } = world
    const config = client.sandboxConfig('victim', { portMappings: [{ containerPort: 80, hostPort: 18_763 }] })
    let pod = ''
    return {
      act: () => client.runSandbox(config),
      async retry() {
        pod = await client.runSandbox(config)
        await assertReady(world, pod)
        assert.equal(await client.runSandbox(config), pod)
        await client.logged(await client.runContainer(pod, container(world)), 'ready')
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

export const stopPodSandbox: Scenario = {
  operation: 'StopPodSandbox',
  points: [
    'stop-sandbox:recorded',
    'stop-container:killed',
    'stop-container:ended',
    'stop-sandbox:containers-killed',
    'stop-sandbox:plugins-told',
    'network:detachment-recorded',
    'network:plugins-deleted',
    'network:detached',
    'stop-sandbox:cleared',
    'stop-sandbox:unmounted',
    'stop-sandbox:stopped',
  ],
  async prepare(world) {
    const { client } = world
    const pod = await runPod(world)
    return {
      act: () => client.runtime.stopPodSandbox({ podSandboxId: pod }),
      async retry() {
        await client.runtime.stopPodSandbox({ podSandboxId: pod })
        const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
        assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY)
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

export const removePodSandbox: Scenario = {
  operation: 'RemovePodSandbox',
  points: [
    'remove-sandbox:stopped',
    'remove-sandbox:containers-removed',
    'remove-sandbox:files-removed',
    'remove-sandbox:record-deleted',
  ],
  async prepare(world) {
    const { client } = world
    const pod = await runPod(world)
    return {
      act: () => client.runtime.removePodSandbox({ podSandboxId: pod }),
      async retry() {
        await client.runtime.removePodSandbox({ podSandboxId: pod })
        const { items } = await client.runtime.listPodSandbox({ filter: { id: pod } })
        assert.deepEqual(items, [])
      },
      async clean() {},
    }
  },
}

/** The first container of a pod whose containers share one PID namespace: the pod gets an init. */
export const createContainer: Scenario = {
  operation: 'CreateContainer',
  points: [
    'create-container:images-found',
    'create-container:recorded',
    'create-container:rootfs-mounted',
    'create-container:configured',
    'create-container:plugins-asked',
    'pod-init:started',
    'pod-init:pinned',
    'pod-init:recorded',
    'create-container:bundle-written',
    'create-container:pipes-made',
    'create-container:made',
  ],
  async prepare({ client }) {
    const pod = await client.runSandbox(
      client.sandboxConfig('victim', { linux: { securityContext: { namespaceOptions: { pid: 0 } } } }),
    )
    const config = client.containerConfig('c', 'echo ready; exec sleep 1000', {
      linux: { securityContext: { namespaceOptions: { pid: 0 } } },
    })
    return {
      act: () => client.createContainer(pod, config),
      async retry() {
        const containerId = await client.createContainer(pod, config)
        assert.equal(await client.createContainer(pod, config), containerId)
        await client.runtime.startContainer({ containerId })
        await client.logged(containerId, 'ready')
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}
