import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Operations } from './operations.ts'

const request = { name: 'RunPodSandbox', key: 'a', fingerprint: 'x' }
const conflict = () => new Error('conflict')

test('the same request joins the one under way', async () => {
  const operations = new Operations()
  const gate = Promise.withResolvers<string>()
  let runs = 0
  const work = () => {
    runs++
    return gate.promise
  }
  const first = operations.run(request, work, conflict)
  const second = operations.run(request, work, conflict)
  gate.resolve('id')
  assert.deepEqual(await Promise.all([first, second]), ['id', 'id'])
  assert.equal(runs, 1)
})

test('a request that differs does not join', async () => {
  const operations = new Operations()
  const gate = Promise.withResolvers<string>()
  const first = operations.run(request, () => gate.promise, conflict)
  await assert.rejects(
    operations.run({ ...request, fingerprint: 'y' }, async () => '', conflict),
    /conflict/,
  )
  gate.resolve('id')
  assert.equal(await first, 'id')
})

test('after the end the next one begins anew, and a failure is for those who joined', async () => {
  const operations = new Operations()
  await assert.rejects(
    operations.run(request, () => Promise.reject(new Error('no')), conflict),
    /no/,
  )
  assert.equal(await operations.run(request, async () => 'again', conflict), 'again')
})

test('stage and age can be seen while it runs', async () => {
  let now = 1000
  const operations = new Operations(() => now)
  const gate = Promise.withResolvers<void>()
  const staged = Promise.withResolvers<void>()
  const done = operations.run(
    request,
    async (setStage) => {
      now = 3000
      setStage('attaching the network')
      staged.resolve()
      await gate.promise
    },
    conflict,
  )
  await staged.promise
  const expected = {
    name: 'RunPodSandbox',
    key: 'a',
    stage: 'attaching the network',
    startedAt: 1000,
    stageSince: 3000,
  }
  assert.deepEqual(operations.list(), [expected])
  gate.resolve()
  await done
  assert.deepEqual(operations.list(), [])
})
