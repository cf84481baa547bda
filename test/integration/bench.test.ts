import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Results } from '../../bench/report/results.ts'
import { repository } from '../harness/berthd.ts'
import { conformance } from '../harness/conformance.ts'
import { testImage } from '../harness/pod.ts'

const run = promisify(execFile)

test('the bench measures pods, logs and memory of a runtime, and leaves nothing', { timeout: 120_000 }, async (t) => {
  const { berthd, part } = await conformance(t)
  const { folder, socket } = berthd.place

  await part('one round', async () => {
    const output = join(folder, 'results')
    const words = ['--endpoint', `berth=unix://${socket}`, '--image', testImage, '--output', output, '--rounds', '1']
    const cases = ['--only', 'pod,exec,held,start', '--levels', '2', '--seconds', '1']
    await run(process.execPath, [join(repository, 'bench/main.ts'), ...words, ...cases])

    const [name = ''] = readdirSync(output)
    const results = JSON.parse(readFileSync(join(output, name, 'results.json'), 'utf8')) as Results
    assert.deepEqual(results.failures, [])
    assert.ok(results.notes.some((note) => note.startsWith('start: not measured')))
    const values = (id: string, pods?: number) =>
      results.measurements.find((one) => one.id === id && one.pods === pods)?.values.berth ?? []
    assert.equal(values('pod.up').length, 1)
    assert.equal(values('exec.sync').length, 1)
    assert.ok((values('pod.down')[0] ?? 0) > (values('pod.stopContainer')[0] ?? 0))
    // berthd and a shim: Node alone takes more than that.
    assert.ok((values('held.memory', 2)[0] ?? 0) > 40)
    assert.ok(results.notes.some((note) => /berth with 2 pods: 2 main\.ts/.test(note)))
  })
})
