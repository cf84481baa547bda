import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../client/index.ts'
import { serveFake } from '../client/testing/serve.ts'
import { readPod } from '../manifest/pod.ts'
import { firstHostIdAnnotation } from '../manifest/sandbox-config.ts'
import { firstHostIdOf } from './host-ids.ts'

const podWith = (hostUsers: boolean) => {
  const spec = { hostUsers, containers: [{ name: 'main', image: 'x' }] }
  return readPod({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec }).pod
}

test('a new pod gets ids that no other has, one that is there has its own', async () => {
  // All but one range of ids are taken.
  const free = 4711 * 65_536
  const all = Array.from({ length: 32_767 }, (_, index) => (index + 1) * 65_536)
  const items = all
    .filter((first) => first !== free)
    .map((first) => ({ id: String(first), annotations: { [firstHostIdAnnotation]: String(first) } }))
  await using fake = await serveFake({ runtime: { listPodSandbox: () => ({ items }) } })
  using cri = connect(fake.endpoint)
  const access = { cri, ask: {} }
  assert.equal(await firstHostIdOf(access, podWith(false), undefined), free)
  assert.equal(await firstHostIdOf(access, podWith(true), undefined), undefined)
  const there = { annotations: { [firstHostIdAnnotation]: '131072' } }
  assert.equal(await firstHostIdOf(access, podWith(false), there), 131_072)
  // It was made before its manifest said so.
  assert.equal(await firstHostIdOf(access, podWith(false), { annotations: {} }), undefined)
})
