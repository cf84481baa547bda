import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import {
  CreateContainerRequestSchema,
  PullImageRequestSchema,
  RunPodSandboxRequestSchema,
  StartContainerRequestSchema,
} from '../gen/cri_pb.ts'
import { BerthError, operationFailed } from '../lib/errors.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { Operations } from '../state/operations.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { Calls } from './calls.ts'

const metadata = { namespace: 'shop', name: 'web', uid: 'u-1' }
const sandbox = { id: 's1', config: { metadata } } as unknown as SandboxRecord
const container = {
  id: 'c1',
  sandboxId: 's1',
  config: { metadata: { name: 'app' }, image: { image: 'nginx' } },
} as unknown as ContainerRecord

function setting() {
  const clock = { now: 1000 }
  const calls = new Calls(
    { sandboxes: new Map([['s1', sandbox]]), containers: new Map([['c1', container]]) },
    () => clock.now,
  )
  const fail = (rpc: string, request: object, error: unknown) => calls.failed(calls.begin(rpc, request), error)
  return { calls, fail, clock }
}

const runPod = create(RunPodSandboxRequestSchema, { config: { metadata } })
const pull = create(PullImageRequestSchema, { image: { image: 'nginx' }, sandboxConfig: { metadata } })

test('a failure tells of its pod, container and image, whatever the request says itself', () => {
  const { calls, fail } = setting()
  fail('RunPodSandbox', runPod, operationFailed('no address'))
  fail('PullImage', pull, new BerthError('not-found', 'no such image'))
  const createApp = { podSandboxId: 's1', config: { metadata: { name: 'app' }, image: { image: 'nginx' } } }
  fail('CreateContainer', create(CreateContainerRequestSchema, createApp), new Error('a bug'))
  fail('StartContainer', create(StartContainerRequestSchema, { containerId: 'c1' }), operationFailed('no'))
  const times = { firstAt: 1000, lastAt: 1000, count: 1 }
  const app = { pod: metadata, sandboxId: 's1', container: 'app', image: 'nginx' }
  assert.deepEqual(calls.failures().toReversed(), [
    { rpc: 'RunPodSandbox', pod: metadata, code: 'unknown', message: 'no address', ...times },
    { rpc: 'PullImage', pod: metadata, image: 'nginx', code: 'not-found', message: 'no such image', ...times },
    { rpc: 'CreateContainer', ...app, code: 'internal', message: 'a bug', ...times },
    { rpc: 'StartContainer', ...app, containerId: 'c1', code: 'unknown', message: 'no', ...times },
  ])
})

test('a call is under way until it ends', () => {
  const { calls } = setting()
  const running = calls.begin('RunPodSandbox', runPod)
  const pulling = calls.begin('PullImage', pull)
  assert.deepEqual(calls.underWay(), [
    { rpc: 'RunPodSandbox', pod: metadata, startedAt: 1000 },
    { rpc: 'PullImage', pod: metadata, image: 'nginx', startedAt: 1000 },
  ])
  calls.failed(running, new Error('no'))
  calls.succeeded(pulling)
  assert.deepEqual(calls.underWay(), [])
})

test('repetitions are counted, and a success is the end of them', () => {
  const { calls, fail, clock } = setting()
  fail('RunPodSandbox', runPod, operationFailed('first'))
  clock.now = 5000
  fail('RunPodSandbox', runPod, operationFailed('second'))
  const [failure] = calls.failures()
  assert.deepEqual(
    [failure?.message, failure?.firstAt, failure?.lastAt, failure?.count, calls.failures().length],
    ['second', 1000, 5000, 2, 1],
  )
  calls.succeeded(calls.begin('RunPodSandbox', runPod))
  assert.deepEqual(calls.failures(), [])
})

test('an image that is pulled is there for every pod', () => {
  const { calls, fail } = setting()
  fail('PullImage', pull, operationFailed('no'))
  calls.succeeded(calls.begin('PullImage', create(PullImageRequestSchema, { image: { image: 'nginx' } })))
  assert.deepEqual(calls.failures(), [])
})

test('what is removed has no failures any more', () => {
  const { calls, fail } = setting()
  fail('StopContainer', { containerId: 'c1' }, operationFailed('no'))
  fail('StopPodSandbox', { podSandboxId: 's1' }, operationFailed('no'))
  calls.succeeded(calls.begin('RemoveContainer', { containerId: 'c1' }))
  assert.deepEqual(
    calls.failures().map(({ rpc }) => rpc),
    ['StopPodSandbox'],
  )
  calls.succeeded(calls.begin('RemovePodSandbox', { podSandboxId: 's1' }))
  assert.deepEqual(calls.failures(), [])
})

test('why a container did not start is known after its removal, until one starts or its pod is removed', () => {
  const { calls, fail } = setting()
  const start = create(StartContainerRequestSchema, { containerId: 'c1' })
  const failAndRemove = () => {
    fail('StartContainer', start, operationFailed('no such program'))
    calls.succeeded(calls.begin('RemoveContainer', { containerId: 'c1' }))
    assert.equal(calls.failures()[0]?.message, 'no such program')
  }
  failAndRemove()
  calls.succeeded(calls.begin('StartContainer', start))
  assert.deepEqual(calls.failures(), [])
  failAndRemove()
  calls.succeeded(calls.begin('RemovePodSandbox', { podSandboxId: 's1' }))
  assert.deepEqual(calls.failures(), [])
})

test('the pulls of a pod that is removed are forgotten, those of another of its name are not', () => {
  const { calls, fail } = setting()
  const pullFor = (uid: string) =>
    create(PullImageRequestSchema, { image: { image: uid }, sandboxConfig: { metadata: { ...metadata, uid } } })
  fail('PullImage', pullFor('u-1'), operationFailed('no'))
  fail('PullImage', pullFor('u-2'), operationFailed('no'))
  fail('RunPodSandbox', runPod, operationFailed('the next attempt fails'))
  calls.succeeded(calls.begin('RemovePodSandbox', { podSandboxId: 's1' }))
  assert.deepEqual(
    calls.failures().map(({ rpc, pod }) => `${rpc} ${pod?.uid}`),
    ['RunPodSandbox u-1', 'PullImage u-2'],
  )
})

test('once a pod is there, those that had its name before are forgotten', () => {
  const { calls, fail } = setting()
  fail('RunPodSandbox', runPod, operationFailed('no'))
  const other = { ...metadata, namespace: 'elsewhere' }
  fail('RunPodSandbox', create(RunPodSandboxRequestSchema, { config: { metadata: other } }), operationFailed('no'))
  const next = create(RunPodSandboxRequestSchema, { config: { metadata: { ...metadata, uid: 'u-2' } } })
  calls.succeeded(calls.begin('RunPodSandbox', next))
  assert.deepEqual(
    calls.failures().map(({ pod }) => pod?.namespace),
    ['elsewhere'],
  )
})

test('the stage of the operation that failed is known', async () => {
  const { calls, fail } = setting()
  const work = new Operations().run(
    { name: 'RunPodSandbox', key: 'k', fingerprint: '' },
    async (setStage) => {
      setStage('attaching it to the network')
      throw operationFailed('no address')
    },
    () => new Error('no conflict'),
  )
  await work.catch((error) => fail('RunPodSandbox', runPod, error))
  assert.equal(calls.failures()[0]?.stage, 'attaching it to the network')
})

test('only so many are kept, and the oldest go', () => {
  const { calls, fail } = setting()
  for (let at = 0; at < 250; at++) {
    fail('PullImage', create(PullImageRequestSchema, { image: { image: `i${at}` } }), new Error('x'.repeat(9000)))
  }
  assert.equal(calls.failures().length, 200)
  assert.equal(calls.failures()[0]?.image, 'i249')
  assert.equal(calls.failures()[0]?.message.length, 4000)
})
