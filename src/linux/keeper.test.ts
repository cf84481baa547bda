import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, readdirSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { patiently } from '../lib/testing/patiently.ts'
import { processesWithArgument } from './find-processes.ts'
import { Keeper } from './keeper.ts'
import { createPipe } from './pipe.ts'
import { readProcessStat } from './process-stat.ts'
import { Reaper } from './reaper.ts'

function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-keeper-'))
  const reaper = new Reaper({ adopt: true })
  t.after(() => {
    reaper[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  const record = join(folder, 'keeper.json')
  return { record, owner: folder, pid: () => (JSON.parse(readFileSync(record, 'utf8')) as { pid: number }).pid }
}

const openFiles = () => readdirSync('/proc/self/fd').length

/** A pipe with a text in it, of which the keeper is given the reading end. */
function keepPipe(keeper: Keeper, name: string, text: string): void {
  const { read, write } = createPipe()
  writeSync(write, text)
  keeper.put(name, read)
  closeSync(read)
  closeSync(write)
}

function textOf(fd: number | undefined): string {
  assert.ok(fd !== undefined)
  const buffer = Buffer.alloc(100)
  const bytes = readSync(fd, buffer)
  closeSync(fd)
  return buffer.toString('utf8', 0, bytes)
}

test('what is kept outlives whoever gave it, and is found again and again', async (t) => {
  const { record, owner } = place(t)
  const before = openFiles()
  const first = Keeper.start(record, owner)
  keepPipe(first, 'a', 'in a')
  keepPipe(first, 'b', 'in b')
  keepPipe(first, 'b', 'in the second b')
  first[Symbol.dispose]()
  assert.equal(openFiles(), before)
  const once = Keeper.find(record) ?? assert.fail('not found')
  assert.deepEqual([...once.kept.keys()], ['a', 'b'])
  for (const fd of once.kept.values()) closeSync(fd)
  once.keeper[Symbol.dispose]()
  const { keeper, kept } = Keeper.find(record) ?? assert.fail('not found again')
  assert.equal(textOf(kept.get('a')), 'in a')
  assert.equal(textOf(kept.get('b')), 'in the second b')
  keeper.end()
  await keeper.ended
  keeper[Symbol.dispose]()
  assert.equal(Keeper.find(record), undefined)
  assert.equal(openFiles(), before)
})

test('what is let go of is closed: at once, or when there is much of it', async (t) => {
  const { record, owner } = place(t)
  const keeper = Keeper.start(record, owner)
  const { read, write } = createPipe()
  keepPipe(keeper, 'first', 'stays')
  keeper.put('pipe', read)
  keepPipe(keeper, 'last', 'stays, too')
  closeSync(read)
  writeSync(write, 'somebody has it open')
  keeper.remove(['pipe'], { now: true })
  assert.throws(() => writeSync(write, 'nobody has'), { code: 'EPIPE' })
  closeSync(write)
  for (let n = 0; n < 1000; n++) {
    keepPipe(keeper, `${n}`, 'x')
    keeper.remove([`${n}`])
  }
  keeper[Symbol.dispose]()
  const again = Keeper.find(record) ?? assert.fail('not found')
  assert.ok(again.kept.size < 200, String(again.kept.size))
  assert.equal(textOf(again.kept.get('first')), 'stays')
  assert.equal(textOf(again.kept.get('last')), 'stays, too')
  for (const [name, fd] of again.kept) if (/^\d/.test(name)) closeSync(fd)
  again.keeper.remove(again.kept.keys())
  assert.equal(again.keeper.isEmpty, true)
  again.keeper.end()
  await again.keeper.ended
  again.keeper[Symbol.dispose]()
})

test('its death is noticed, and another process is not taken for it', async (t) => {
  const { record, owner, pid } = place(t)
  const keeper = Keeper.start(record, owner)
  const dead = pid()
  process.kill(dead, 'SIGKILL')
  await keeper.ended
  assert.equal(Keeper.find(record), undefined)
  keeper[Symbol.dispose]()
  assert.ok(readProcessStat(dead)?.zombie ?? true)
})

test('one that cannot be put on record is not left behind', async (t) => {
  const { record, owner } = place(t)
  const before = openFiles()
  assert.throws(() => Keeper.start(join(record, 'nowhere.json'), owner), { code: 'ENOENT' })
  assert.equal(openFiles(), before)
  await t.waitFor(
    () =>
      assert.deepEqual(
        processesWithArgument((argument) => argument === owner),
        [],
      ),
    patiently,
  )
})
