import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { hasStartingRuntime, killStartingRuntime } from './starting-runtime.ts'

function bundleFor(t: TestContext): string {
  const bundle = mkdtempSync(join(tmpdir(), 'berth-bundle-'))
  t.after(() => rmSync(bundle, { recursive: true }))
  return bundle
}

for (const [what, argument] of [
  ['runtime', ''],
  ['early runtime', 'runtime'],
] as const) {
  test(`a ${what} that is not on record is found by its bundle, and killed`, async (t) => {
    const bundle = bundleFor(t)
    assert.ok(!hasStartingRuntime(bundle))
    const args = ['-c', 'echo up; read -r _', '--bundle', join(bundle, argument)]
    const runtime = spawn('/bin/sh', args, { detached: true, stdio: ['pipe', 'pipe', 'ignore'] })
    t.after(() => runtime.kill('SIGKILL'))
    await once(runtime.stdout, 'data')
    assert.ok(hasStartingRuntime(bundle))
    killStartingRuntime(bundle)
    assert.deepEqual(await once(runtime, 'exit'), [null, 'SIGKILL'])
  })
}
