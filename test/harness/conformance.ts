import { type TestContext } from 'node:test'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { type BuiltImage, busyboxImage, pushImage } from '../registry/image-builder.ts'
import { Berthd } from './berthd.ts'
import { PodClient } from './pod.ts'
import type { SurroundingsOptions } from './surroundings.ts'

export interface Conformance {
  readonly berthd: Berthd
  readonly client: PodClient
  /** Puts an image into the test's registry and pulls it; answers its id. */
  image(name: string, image: BuiltImage): Promise<string>
  /** A part of the test; afterwards no pod and nothing else may be left on the machine. */
  part(name: string, run: (t: TestContext) => Promise<void>, timeoutMs?: number): Promise<void>
}

/**
 * One berthd for all parts of a test, with a registry and busybox pulled. Each part is one behaviour that the kubelet relies
 * on, and must leave the machine as it was.
 */
export async function conformance(t: TestContext, options: SurroundingsOptions = {}): Promise<Conformance> {
  const registry = await DockerRegistry.start()
  t.after(() => registry.stop())
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
  const berthd = await Berthd.start(t, { ...options, mirrors: { 'docker.io': registry.host } })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  return {
    berthd,
    client,
    async image(name, image) {
      await pushImage(registry.host, name, 'latest', image)
      return client.pull(`docker.io/${name}:latest`)
    },
    async part(name, run, timeoutMs = 60_000) {
      await t.test(name, { timeout: timeoutMs }, async (part) => {
        const before = berthd.snapshot()
        try {
          await run(part)
        } finally {
          const { items } = await client.runtime.listPodSandbox({})
          for (const { id } of items) await client.removeSandbox(id)
        }
        await berthd.assertAsAt(before)
      })
    },
  }
}
