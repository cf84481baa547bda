import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { GracePeriods } from './grace-periods.ts'

/** A switch as sysfs has it, in a folder of its own. */
class FakeSwitch implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'berth-rcu-'))
  readonly file = join(this.folder, 'rcu_expedited')
  readonly note = join(this.folder, 'note')

  constructor(value: string) {
    writeFileSync(this.file, `${value}\n`)
  }

  get value(): string {
    return readFileSync(this.file, 'utf8').trim()
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

test('the switch is on while anybody needs it, and off after the last, also when that failed', async () => {
  using kernel = new FakeSwitch('0')
  const periods = new GracePeriods(kernel.note, kernel.file)
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  const both = [first, second].map(({ promise }) => periods.shortened(() => promise))
  assert.equal(kernel.value, '1')
  first.resolve()
  await both[0]
  assert.equal(kernel.value, '1')
  second.reject(new Error('no'))
  await assert.rejects(both[1] ?? Promise.resolve(), /no/)
  assert.equal(kernel.value, '0')
  assert.equal(existsSync(kernel.note), false)
})

test('what somebody else has set stays', async () => {
  using kernel = new FakeSwitch('1')
  await new GracePeriods(kernel.note, kernel.file).shortened(() => Promise.resolve())
  assert.equal(kernel.value, '1')
})

test('a process that was killed meanwhile leaves a note for the next one', () => {
  using kernel = new FakeSwitch('0')
  void new GracePeriods(kernel.note, kernel.file).shortened(() => new Promise(() => {}))
  assert.equal(kernel.value, '1')
  const next = new GracePeriods(kernel.note, kernel.file)
  assert.ok(next)
  assert.equal(kernel.value, '0')
})

test('a kernel without the switch is no error', async () => {
  using kernel = new FakeSwitch('0')
  const periods = new GracePeriods(kernel.note, join(kernel.folder, 'none'))
  assert.equal(await periods.shortened(() => Promise.resolve(3)), 3)
  assert.equal(existsSync(kernel.note), false)
})
