import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, fromBinary } from '@bufbuild/protobuf'
import { ContainerFilterSchema, ContainerState, ListContainersResponseSchema } from '../../gen/cri_pb.ts'
import type { StoredImage } from '../../image/image.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import { EncodedList } from '../encoded-list.ts'
import { prefixLength } from '../grpc/frame.ts'
import type { Services } from '../services.ts'
import { listContainers } from './list-containers.ts'

const record = (id: string, phase: string) =>
  ({ id, sandboxId: 's', imageId: 'sha256:1', config: { labels: {} }, createdAt: 1n, state: { phase } }) as never

/** A list call to berthd with these containers, whose image has that reference now. */
function world() {
  let records: readonly ContainerRecord[] = []
  let image = { repoDigests: ['r@1'] } as unknown as StoredImage | undefined
  const services = { pods: { containers: () => records }, images: { status: () => image } } as unknown as Services
  const signal = new AbortController().signal
  return {
    set(...now: ContainerRecord[]) {
      records = now
    },
    tag(reference: string | undefined) {
      image = reference === undefined ? undefined : ({ repoDigests: [reference] } as unknown as StoredImage)
    },
    list(filter?: Parameters<typeof create<typeof ContainerFilterSchema>>[1]) {
      const request = { ...(filter && { filter: create(ContainerFilterSchema, filter) }) } as never
      const answer = listContainers(services, request, { signal })
      assert.ok(answer instanceof EncodedList)
      return answer
    },
  }
}

/** As `id state reference`. */
function itemsOf(list: EncodedList): string[] {
  const { containers } = fromBinary(ListContainersResponseSchema, list.frame.subarray(prefixLength))
  return containers.map(
    ({ id, state, imageRef }) =>
      `${id} ${state === ContainerState.CONTAINER_RUNNING ? 'running' : 'other'} ${imageRef}`,
  )
}

test('the whole list is made once for each state of things, with a filter or without', () => {
  const { list, set, tag } = world()
  assert.deepEqual(itemsOf(list()), [])
  set(record('a', 'running'), record('b', 'exited'))
  assert.deepEqual(itemsOf(list()), ['a running r@1', 'b other r@1'])
  assert.equal(list(), list({}))
  assert.deepEqual(itemsOf(list({ state: { state: ContainerState.CONTAINER_EXITED } })), ['b other r@1'])
  assert.deepEqual(itemsOf(list({ id: 'a' })), ['a running r@1'])
  assert.deepEqual(itemsOf(list({ podSandboxId: 'x' })), [])
  assert.deepEqual(itemsOf(list({ labelSelector: { x: 'y' } })), [])
  tag('r@2')
  assert.deepEqual(itemsOf(list()), ['a running r@2', 'b other r@2'])
  tag(undefined)
  assert.deepEqual(itemsOf(list()), ['a running sha256:1', 'b other sha256:1'])
  set(record('b', 'exited'))
  assert.deepEqual(itemsOf(list()), ['b other sha256:1'])
})
