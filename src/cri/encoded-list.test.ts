import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { ContainerSchema, ContainerState, ListContainersResponseSchema } from '../gen/cri_pb.ts'
import { EncodedList, ItemEncoder } from './encoded-list.ts'
import { frameOf } from './grpc/frame.ts'

test('the same bytes as the whole message encoded at once', () => {
  for (const sizes of [[], [0], [1, 127, 128, 16_383, 16_384, 70_000]]) {
    const containers = sizes.map((size, at) =>
      create(ContainerSchema, { id: 'x'.repeat(size), state: ContainerState.CONTAINER_RUNNING, createdAt: BigInt(at) }),
    )
    const expected = toBinary(ListContainersResponseSchema, create(ListContainersResponseSchema, { containers }))
    const items = containers.map((container) => toBinary(ContainerSchema, container))
    assert.deepEqual(new EncodedList(1, items).frame, frameOf(expected))
  }
})

test('an item is encoded once for each state that it is in', () => {
  const encoder = new ItemEncoder(ContainerSchema)
  const record = {}
  let made = 0
  const make = () => ({ id: String(++made) })
  const first = encoder.encode(record, 'a', make)
  assert.equal(encoder.encode(record, 'a', make), first)
  assert.notEqual(encoder.encode(record, 'b', make), first)
  assert.notEqual(encoder.encode({}, 'b', make), first)
  assert.equal(made, 3)
})
