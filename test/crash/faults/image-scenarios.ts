import assert from 'node:assert/strict'
import type { Scenario } from './scenario.ts'

/** An image of two layers in the test's registry; the second holds `/greeting`, which says `hello`. */
export const crashImage = 'docker.io/library/crash:latest'

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
