import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Logger } from '../lib/log.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { namedLog } from './named-log.ts'

const sandbox = { id: 's', config: { metadata: { namespace: 'shop', name: 'web' } } } as SandboxRecord
const container = { id: 'c', sandboxId: 's', config: { metadata: { name: 'main' } } } as ContainerRecord
const known = {
  sandboxes: new Map([['s', sandbox]]),
  containers: new Map([['c', container]]),
}

/** A log that keeps its lines. */
function keeping(lines: object[], bound: object = {}): Logger {
  const keep = (fields: object, message: string) => void lines.push({ ...bound, ...fields, message })
  const child = (fields: object) => keeping(lines, { ...bound, ...fields })
  return { debug: keep, info: keep, warn: keep, error: keep, child }
}

test('a line about a pod or a container has its names', () => {
  const lines: object[] = []
  const log = namedLog(keeping(lines), known)
  log.info({ container: 'c' }, 'one')
  log.warn({ sandboxId: 's', error: 'x' }, 'two')
  log.error({ kind: 'cgroup', subject: 'c' }, 'three')
  log.debug({ sandbox: 'gone', ms: 1 }, 'four')
  log.info({ rpc: 'x', container: 'c', pod: 'its/own' }, 'five')
  log.child({ sandbox: 's' }).error({ step: 'undo' }, 'six')
  assert.deepEqual(lines, [
    { pod: 'shop/web', containerName: 'main', container: 'c', message: 'one' },
    { pod: 'shop/web', sandboxId: 's', error: 'x', message: 'two' },
    { pod: 'shop/web', containerName: 'main', kind: 'cgroup', subject: 'c', message: 'three' },
    { sandbox: 'gone', ms: 1, message: 'four' },
    { containerName: 'main', rpc: 'x', container: 'c', pod: 'its/own', message: 'five' },
    { pod: 'shop/web', sandbox: 's', step: 'undo', message: 'six' },
  ])
})
