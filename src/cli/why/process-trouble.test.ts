import assert from 'node:assert/strict'
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { processTrouble } from './process-trouble.ts'

/** A /proc with the process 7 in this state, and cgroups with these files. */
function machine(state: string, cgroups: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-why-'))
  const write = (path: string, text: string) => {
    mkdirSync(join(folder.path, path, '..'), { recursive: true })
    writeFileSync(join(folder.path, path), text)
  }
  write('proc/7/stat', `7 (a) b) ${state} 1 7 7 0`)
  write('proc/7/wchan', 'nfs_wait_bit_killable')
  for (const [path, text] of Object.entries(cgroups)) write(`cgroups/${path}`, text)
  const roots = { proc: join(folder.path, 'proc'), cgroups: join(folder.path, 'cgroups') }
  return { roots, [Symbol.dispose]: () => folder.remove() }
}

test('a process that waits in the kernel is told with the function that it waits in', () => {
  using hanging = machine('D')
  assert.deepEqual(processTrouble(7, undefined, hanging.roots), {
    state: 'D',
    waitsIn: 'nfs_wait_bit_killable',
    oomKills: 0,
  })
})

test('the kills of the OOM killer are counted in both kinds of cgroups', () => {
  using v2 = machine('S', { 'pods/c/memory.events': 'oom 4\noom_kill 3\n' })
  assert.deepEqual(processTrouble(7, '/pods/c', v2.roots), { oomKills: 3 })
  using v1 = machine('S', { 'memory/pods/c/memory.oom_control': 'under_oom 0\noom_kill 2\n' })
  assert.deepEqual(processTrouble(7, '/pods/c', v1.roots), { oomKills: 2 })
})

test('what is well, or cannot be seen from here, is no trouble', () => {
  using well = machine('S')
  assert.equal(processTrouble(7, '/pods/c', well.roots), undefined)
  assert.equal(processTrouble(8, '/pods/c', well.roots), undefined)
})
