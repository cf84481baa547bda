import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { faultPointNames } from './fault-point-names.ts'

const source = join(import.meta.dirname, '..')

test('every fault point of the list is in the code once, and every one in the code is in the list', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?<!\.test)\.ts$/.test(name),
  )
  const found = files.flatMap((name) =>
    [...readFileSync(join(source, name), 'utf8').matchAll(/faultPoint\('([^']*)'\)/g)].map(([, point]) => point),
  )
  assert.deepEqual(found.toSorted(), faultPointNames.toSorted())
})

test('a fault point does nothing in a process that was started without BERTH_FAULTS', async () => {
  const { faultEnvironment, faultPoint } = await import('./fault-point.ts')
  assert.equal(process.env.BERTH_FAULTS, undefined)
  assert.equal(faultPoint('pull:recorded'), undefined)
  assert.deepEqual(faultEnvironment(), {})
})
