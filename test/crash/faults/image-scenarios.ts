import assert from 'node:assert/strict'
import { create } from '@bufbuild/protobuf'
import { ImageSpecSchema, type Mount, MountSchema } from '../../../src/gen/cri_pb.ts'
import type { CrashWorld } from './crash-world.ts'
import type { Scenario } from './scenario.ts'

/** An image of two layers in the test's registry; the second holds `/greeting`, which says `hello`. */
export const crashImage = 'docker.io/library/crash:latest'

/** An artifact of one file, `/file`, which says `hello`. */
export const crashArtifact = 'docker.io/library/artifact:latest'

export const pullImage: Scenario = {
  operation: 'PullImage',
  points: [
    'pull:resolved',
    'fetch-layer:begun',
    'download:received',
    'unpack:begun',
    'unpack:written',
    'fetch-layer:unpacked',
    'fetch-layer:synced',
    'fetch-layer:renamed',
    'fetch-layer:recorded',
    'pull:fetched',
    'pull:recorded',
  ],
  async prepare({ client }) {
    let pod = ''
    return {
      act: () => client.pull(crashImage),
      async retry() {
        const id = await client.pull(crashImage)
        const { image } = await client.image.imageStatus({ image: { image: crashImage } })
        assert.equal(image?.id, id)
        pod = await client.runSandbox(client.sandboxConfig('victim'))
        const config = client.containerConfig('c', 'cat /greeting', { image: { image: crashImage } })
        await client.logged(await client.runContainer(pod, config), 'hello')
      },
      async clean() {
        await client.removeSandbox(pod)
        await client.image.removeImage({ image: { image: crashImage } })
      },
    }
  },
}

const volume = (image: string, containerPath: string): Mount =>
  create(MountSchema, { containerPath, readonly: true, image: create(ImageSpecSchema, { image }) })

/** A container that shows an image and an artifact, and says what is in them. */
const showing = (world: CrashWorld, mounts: Mount[]) =>
  world.client.containerConfig('c', 'cat /image/greeting /artifact/file; echo ready; exec sleep 1000', { mounts })

const bothVolumes = [volume(crashImage, '/image'), volume(crashArtifact, '/artifact')]

async function removeImages({ client }: CrashWorld): Promise<void> {
  for (const image of [crashImage, crashArtifact]) await client.image.removeImage({ image: { image } })
}

export const pullArtifact: Scenario = {
  operation: 'PullImage, an artifact',
  points: [
    'pull:resolved',
    'fetch-layer:begun',
    'unpack-file:begun',
    'unpack-file:written',
    'fetch-layer:synced',
    'fetch-layer:recorded',
    'pull:recorded',
  ],
  async prepare({ client }) {
    let pod = ''
    return {
      act: () => client.pull(crashArtifact),
      async retry() {
        const id = await client.pull(crashArtifact)
        const { image } = await client.image.imageStatus({ image: { image: crashArtifact } })
        assert.equal(image?.id, id)
        pod = await client.runSandbox(client.sandboxConfig('victim'))
        const mounts = [volume(crashArtifact, '/artifact')]
        const config = client.containerConfig('c', 'cat /artifact/file', { mounts })
        await client.logged(await client.runContainer(pod, config), 'hello')
      },
      async clean() {
        await client.removeSandbox(pod)
        await client.image.removeImage({ image: { image: crashArtifact } })
      },
    }
  },
}

export const createWithVolumes: Scenario = {
  operation: 'CreateContainer, image volumes',
  points: [
    'create-container:images-found',
    'create-container:recorded',
    'image-volume:mounted',
    'create-container:rootfs-mounted',
    'create-container:made',
  ],
  async prepare(world) {
    const { client } = world
    await Promise.all([client.pull(crashImage), client.pull(crashArtifact)])
    const pod = await client.runSandbox(client.sandboxConfig('victim'))
    const config = showing(world, bothVolumes)
    return {
      act: () => client.createContainer(pod, config),
      async retry() {
        const containerId = await client.createContainer(pod, config)
        await client.runtime.startContainer({ containerId })
        await client.logged(containerId, 'ready')
        assert.deepEqual(await client.logLines(containerId), ['hello', 'hello', 'ready'])
      },
      async clean() {
        await client.removeSandbox(pod)
        await removeImages(world)
      },
    }
  },
}

export const removeWithVolumes: Scenario = {
  operation: 'RemoveContainer, image volumes',
  points: ['remove-container:rootfs-unmounted', 'remove-container:bundle-removed', 'remove-container:record-deleted'],
  async prepare(world) {
    const { client } = world
    await Promise.all([client.pull(crashImage), client.pull(crashArtifact)])
    const pod = await client.runSandbox(client.sandboxConfig('victim'))
    const containerId = await client.runContainer(pod, showing(world, bothVolumes))
    await client.logged(containerId, 'ready')
    return {
      act: () => client.runtime.removeContainer({ containerId }),
      async retry() {
        await client.runtime.removeContainer({ containerId })
        const { containers } = await client.runtime.listContainers({ filter: { id: containerId } })
        assert.deepEqual(containers, [])
      },
      async clean() {
        await client.removeSandbox(pod)
        // Nothing holds them any more.
        await removeImages(world)
      },
    }
  },
}
