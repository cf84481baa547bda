import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { create, fromBinary } from '@bufbuild/protobuf'
import { Client, credentials, status } from '@grpc/grpc-js'
import { type ContainerEventResponse, ContainerEventResponseSchema, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { BerthError } from '../lib/errors.ts'
import { silentLogger } from '../lib/log.ts'
import { Calls } from '../observe/calls.ts'
import { Happenings } from '../observe/own/happenings.ts'
import type { PodEvent } from '../observe/pod-event.ts'
import { Traces } from '../observe/traces.ts'
import { createCriServer } from './server.ts'
import type { Services } from './services.ts'

/** A server whose events are those of `subscribe`; answers a call of GetContainerEvents. */
async function serve(t: TestContext, subscribe: (signal: AbortSignal) => AsyncIterable<PodEvent>) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-cri-'))
  const server = createCriServer({ events: { subscribe } } as unknown as Services, {
    log: silentLogger,
    logsDebug: () => false,
    traces: new Traces(),
    calls: new Calls({ sandboxes: new Map(), containers: new Map() }),
    happenings: new Happenings({ watch() {} }),
  })
  await server.listen(join(folder, 'cri.sock'))
  const client = new Client(`unix://${join(folder, 'cri.sock')}`, credentials.createInsecure())
  t.after(() => {
    client.close()
    server.destroy()
    rmSync(folder, { recursive: true })
  })
  return client.makeServerStreamRequest<Buffer, ContainerEventResponse>(
    '/runtime.v1.RuntimeService/GetContainerEvents',
    (bytes) => bytes,
    (bytes) => fromBinary(ContainerEventResponseSchema, bytes),
    Buffer.alloc(0),
  )
}

/** About 100 kB. */
function event(number: number): PodEvent {
  const config = create(PodSandboxConfigSchema, { annotations: { long: 'x'.repeat(100_000) } })
  const base = { fingerprint: '', runtimeHandler: '', createdAt: 1n, shim: '0', ips: [] }
  const sandbox = { ...base, id: 's', config, state: { phase: 'ready' } } as const
  return { type: 'created', id: String(number), at: BigInt(number), sandbox, containers: [] }
}

test('a stream goes as fast as its reader, and ends with it', { timeout: 20_000 }, async (t) => {
  let made = 0
  const ended = Promise.withResolvers<void>()
  const call = await serve(t, async function* () {
    try {
      for (;;) yield event(made++)
    } finally {
      ended.resolve()
    }
  })
  call.on('error', () => {})
  const ids: string[] = []
  for await (const { containerId } of call as AsyncIterable<ContainerEventResponse>) {
    ids.push(containerId)
    if (ids.length === 3) {
      await sleep(300)
      assert.ok(made < 300, `${made} events are on their way to a reader that has taken 3`)
    }
    if (ids.length === 500) break
  }
  call.cancel()
  assert.deepEqual(
    ids,
    ids.map((_, index) => String(index)),
  )
  await ended.promise
})

test('a stream ends with what its source throws', { timeout: 20_000 }, async (t) => {
  const call = await serve(t, async function* () {
    yield event(0)
    throw new BerthError('resource-exhausted', 'too far behind')
  })
  const seen: string[] = []
  await assert.rejects(
    async () => {
      for await (const { containerId } of call as AsyncIterable<ContainerEventResponse>) seen.push(containerId)
    },
    { code: status.RESOURCE_EXHAUSTED, details: 'too far behind' },
  )
  assert.deepEqual(seen, ['0'])
})
