import assert from 'node:assert/strict'
import { eventually } from '../../harness/eventually.ts'
import type { CrashCase } from './cases.ts'
import type { CrashWorld } from './crash-world.ts'

/** How long an operation may take that is hit by a fault, in milliseconds. */
const patience = 30_000

/** Runs one case and checks all that must hold after it. Throws with what does not. */
export async function runCase(world: CrashWorld, { scenario, point, victim }: CrashCase): Promise<void> {
  const before = world.descriptors()
  const subject = await scenario.prepare(world)
  const isShims = point.startsWith('shim-') && point !== 'shim-process:spawned'
  const { pid } = world.berthd
  const shims = isShims ? ['self' as const] : world.shims()
  const berthd = isShims ? [pid] : ['self' as const]
  const kill = { berthd, shim: shims, both: isShims ? [pid, 'self' as const] : [...shims, 'self' as const], error: [] }
  world.faults.arm({ point, kill: kill[victim], ...(victim === 'error' && { error: 'something fails' }) })
  const outcome = await Promise.race([
    subject.act().then(
      () => 'done',
      (error: unknown) => String(error),
    ),
    new Promise<string>((resolve) => setTimeout(resolve, patience, 'hangs').unref()),
  ])
  assert.notEqual(outcome, 'hangs', `the operation did not end within ${patience / 1000} s`)
  if (victim === 'shim' && scenario.outlivesShim) assert.equal(outcome, 'done')
  await world.faults.fired()
  if (victim === 'berthd' || victim === 'both') await world.revive()
  await subject.retry()
  await world.assertTruthful()
  await world.neighbourGoesOn()
  await subject.clean()
  world.removeLogs()
  await world.assertClean()
  if (victim !== 'error' || scenario.replacesShim) return
  await eventually('berthd has no more open files than before', () => {
    assert.deepEqual(without(world.descriptors(), before), [])
    return true
  })
}

/** What `all` has more of than `known`. */
function without(all: readonly string[], known: readonly string[]): string[] {
  const left = [...known]
  return all.filter((each) => {
    const at = left.indexOf(each)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}
