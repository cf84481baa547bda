import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SystemdUnits } from './systemd-units.ts'
import { FakeSystemd, type FakeSystemdOptions } from './testing/fake-systemd.ts'

const scope = { name: 'cri-berth-1.scope', slice: 'kubepods-pod1.slice', description: 'a test', pids: [12, 34] }

async function systemd(t: TestContext, options: FakeSystemdOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-systemd-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'socket')
  const fake = await FakeSystemd.listen(path, options)
  t.after(() => fake.close())
  const units = new SystemdUnits([{ path, isBus: !options.withoutBus }])
  return { fake, units, folder }
}

for (const withoutBus of [false, true]) {
  test(`a scope is started and stopped, ${withoutBus ? 'without a bus' : 'over the bus'}`, async (t) => {
    const { fake, units } = await systemd(t, { withoutBus })
    await units.startScope(scope)
    const { properties } = fake.units.get(scope.name) ?? assert.fail('no unit')
    assert.equal(properties.get('Slice'), scope.slice)
    assert.deepEqual(properties.get('PIDs'), [12, 34])
    assert.equal(properties.get('Delegate'), true)
    assert.equal(properties.get('DefaultDependencies'), false)
    await units.stop(scope.name)
    assert.equal(fake.units.size, 0)
    // Once more: there is none.
    await units.stop(scope.name)
  })
}

test('a failed job, a refusal and a systemd that is not there are told as what they are', async (t) => {
  const refusing = await systemd(t, {
    onStart() {
      throw new Error('no')
    },
  })
  await assert.rejects(
    refusing.units.startScope(scope),
    /did not start the unit cri-berth-1\.scope: the job ended with "failed"/,
  )
  const { fake, units, folder } = await systemd(t)
  await units.startScope(scope)
  await assert.rejects(units.startScope(scope), /already loaded/)
  assert.ok(fake.calls.includes(`ResetFailedUnit ${scope.name}`))
  const none = new SystemdUnits([{ path: join(folder, 'none'), isBus: true }])
  await assert.rejects(none.stop(scope.name), /cannot be reached: .*none \(ENOENT\)/)
})

test('a connection that ends in the middle is an error', async (t) => {
  const { fake, units } = await systemd(t, {
    onStart() {
      void fake.close()
    },
  })
  await assert.rejects(units.startScope(scope), /closed/)
})
