import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { ContainerSchema, PodSandboxSchema, SynchronizeRequestSchema } from '../gen/nri_pb.ts'
import { syncMessages } from './sync-messages.ts'

const pods = Array.from({ length: 5 }, (_, at) => create(PodSandboxSchema, { id: `pod-${at}`, name: 'x'.repeat(100) }))
const containers = Array.from({ length: 9 }, (_, at) =>
  create(ContainerSchema, { id: `c-${at}`, env: ['x'.repeat(90)] }),
)

test('everything once, in order, in messages that are short enough, all but the last with more to come', () => {
  const messages = syncMessages(pods, containers, 400)
  assert.ok(messages.length > 3)
  assert.deepEqual(
    messages.map(({ more }) => more),
    messages.map((_, at) => at < messages.length - 1),
  )
  assert.deepEqual(
    messages.flatMap((message) => message.pods),
    pods,
  )
  assert.deepEqual(
    messages.flatMap((message) => message.containers),
    containers,
  )
  for (const message of messages) {
    assert.ok(toBinary(SynchronizeRequestSchema, create(SynchronizeRequestSchema, message)).length <= 402)
  }
})

test('one message when there is nothing, or all of it fits, or a single one does not', () => {
  assert.deepEqual(syncMessages([], []), [{ pods: [], containers: [], more: false }])
  assert.equal(syncMessages(pods, containers).length, 1)
  assert.equal(syncMessages(pods.slice(0, 1), [], 10).length, 1)
})
