import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { RunPodSandboxRequestSchema, StopContainerRequestSchema } from '../gen/cri_pb.ts'
import { notFound } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { Calls } from '../observe/calls.ts'
import { Traces } from '../observe/traces.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { instrumented, type Observers } from './instrument.ts'

const config = { metadata: { name: 'web', namespace: 'shop', uid: 'u-1' } }
const sandboxes = new Map([['s1', { id: 's1', config } as SandboxRecord]])
const containers = new Map([
  ['c1', { id: 'c1', sandboxId: 's1', config: { metadata: { name: 'app' } } } as unknown as ContainerRecord],
])

/** What was logged, each line with its level. */
function observers() {
  const lines: Record<string, unknown>[] = []
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, ...fields })
  const log = { debug: at('debug'), info: at('info'), warn: at('warn') } as unknown as Logger
  const happenings = { calls: { observe() {} }, failedCalls: { add() {} } } as unknown as Observers['happenings']
  return {
    lines,
    watching: {
      log,
      logsDebug: () => false,
      happenings,
      traces: new Traces(),
      calls: new Calls({ sandboxes, containers }),
    },
  }
}

test('a line of the log has the names of pod and container beside their ids', async () => {
  const { lines, watching } = observers()
  const headers = { header: () => undefined }
  const stop = create(StopContainerRequestSchema, { containerId: 'c1' })
  await instrumented('StopContainer', watching)(stop, headers, async () => ({}))
  const run = create(RunPodSandboxRequestSchema, {
    config: { metadata: { name: 'db', namespace: 'shop', uid: 'u-2' } },
  })
  await instrumented('RunPodSandbox', watching)(run, headers, async () => ({ podSandboxId: 's2' }))
  const failing = instrumented('StopContainer', watching)(stop, headers, () =>
    Promise.reject(notFound('container', 'c1')),
  )
  await assert.rejects(failing)
  const told = lines.map(({ level, rpc, pod, containerName, container, sandbox }) => {
    return { level, rpc, pod, containerName, container, sandbox }
  })
  const one = { rpc: 'StopContainer', pod: 'shop/web', containerName: 'app', container: 'c1', sandbox: undefined }
  assert.deepEqual(told, [
    { level: 'info', ...one },
    {
      level: 'info',
      rpc: 'RunPodSandbox',
      pod: 'shop/db',
      containerName: undefined,
      container: undefined,
      sandbox: 's2',
    },
    { level: 'warn', ...one },
  ])
})
