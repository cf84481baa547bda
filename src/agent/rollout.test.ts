import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ExistingPod, rollOut } from './rollout.ts'
import { AgentSetup } from './testing/agent-setup.ts'

const rolling = (surge: number, unavailable: number) => ({ recreate: false, surge, unavailable })

const pod = (name: string, available = true): ExistingPod => ({ name, available })

test('at first all come; when some are too many, they go', () => {
  const deployment = { replicas: 2, strategy: rolling(1, 0) }
  assert.deepEqual(rollOut(deployment, ['a', 'b'], []), { run: ['a', 'b'], stay: [] })
  assert.deepEqual(rollOut(deployment, ['a', 'b'], [pod('a'), pod('b'), pod('c')]), { run: ['a', 'b'], stay: [] })
})

test('one new comes, and when it is available one old goes', () => {
  const deployment = { replicas: 2, strategy: rolling(1, 0) }
  const step = (...existing: ExistingPod[]) => rollOut(deployment, ['new0', 'new1'], existing)
  assert.deepEqual(step(pod('old0'), pod('old1')), { run: ['new0'], stay: ['old0', 'old1'] })
  assert.deepEqual(step(pod('old0'), pod('old1'), pod('new0', false)), { run: ['new0'], stay: ['old0', 'old1'] })
  assert.deepEqual(step(pod('old0'), pod('old1'), pod('new0')), { run: ['new0'], stay: ['old1'] })
  assert.deepEqual(step(pod('old1'), pod('new0')), { run: ['new0', 'new1'], stay: ['old1'] })
  assert.deepEqual(step(pod('old1'), pod('new0'), pod('new1')), { run: ['new0', 'new1'], stay: [] })
})

test('without room for more, an old one goes first; of old ones, those of no use', () => {
  const deployment = { replicas: 2, strategy: rolling(0, 1) }
  const step = (...existing: ExistingPod[]) => rollOut(deployment, ['new0', 'new1'], existing)
  assert.deepEqual(step(pod('old0'), pod('old1')), { run: [], stay: ['old1'] })
  assert.deepEqual(step(pod('old1')), { run: ['new0'], stay: ['old1'] })
  assert.deepEqual(step(pod('old0', false), pod('old1')), { run: [], stay: ['old1'] })
})

test('Recreate: all old ones go before a new one comes', () => {
  const deployment = { replicas: 2, strategy: { recreate: true, surge: 0, unavailable: 2 } }
  assert.deepEqual(rollOut(deployment, ['new0', 'new1'], [pod('old0')]), { run: [], stay: [] })
  assert.deepEqual(rollOut(deployment, ['new0', 'new1'], []), { run: ['new0', 'new1'], stay: [] })
})

test('a Deployment rolls on, also under an agent that was not there at its beginning; enough pods run all the time', async () => {
  await using set = await AgentSetup.start()
  const deployment = (image: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas: 2, minReadySeconds: 5, template: { spec: { containers: [{ name: 'main', image }] } } },
  })
  const images = () => set.runtime.containers.map(({ config }) => config.image?.userSpecifiedImage).toSorted()
  set.write('web.yaml', deployment('app:1'))
  const ready = (count: number) => () => set.agent.statuses().filter((status) => status.ready === 1).length === count
  await set.seen('both are ready', ready(2))
  set.write('web.yaml', deployment('app:2'))
  await set.seen('one more runs', () => set.running().length === 3)
  assert.deepEqual(images(), ['app:1', 'app:1', 'app:2'])
  await set.stopAgent()
  set.startAgent()
  await set.seen('the new agent knows them', ready(3))
  set.time.advance(5000)
  await set.seen('an old one has made room', () => images().join() === 'app:1,app:2,app:2')
  await set.seen('the others are ready', ready(3))
  assert.equal(set.running().length, 3)
  set.time.advance(5000)
  await set.seen('the last old one is gone', () => images().join() === 'app:2,app:2')
  set.remove('web.yaml')
  await set.seen('they are gone', () => set.runtime.sandboxes.length === 0)
})
