import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'

interface Report {
  readonly diagnoses: readonly { readonly check: string; readonly status: string; readonly found: string }[]
}

test('berth doctor looks at this machine, its runtime and its network', { timeout: 60_000 }, async (t) => {
  const berthd = await Berthd.start(t)
  const args = ['doctor', '--offline', '--config', berthd.place.configFile]
  const look = async () => {
    const { stdout, exitCode } = await tryBerth(berthd.endpoint, [...args, '-o', 'json'])
    const { diagnoses } = JSON.parse(stdout) as Report
    assert.equal(exitCode, diagnoses.some(({ status }) => status === 'broken') ? 1 : 0)
    return new Map(diagnoses.map((diagnosis) => [diagnosis.check, diagnosis]))
  }
  const well = await look()
  // The machine runs these tests: what they need is there.
  for (const check of [
    'configuration',
    'rights',
    'kernel',
    'overlay',
    'namespaces',
    'OCI runtime runc',
    'CNI network',
  ]) {
    assert.equal(well.get(check)?.status, 'ok', JSON.stringify(well.get(check)))
  }
  assert.match(well.get('runtime')?.found ?? '', /^berth \S+ answers$/)
  assert.match(well.get('CNI network')?.found ?? '', new RegExp(berthd.place.bridge))

  const { stdout } = await tryBerth(berthd.endpoint, args)
  assert.match(stdout, /^OK +kernel +Linux /m)
  assert.match(stdout, /^\d+ OK, \d+ warnings?, \d+ broken/m)
  assert.doesNotMatch(stdout, /\x1b/)

  rmSync(join(berthd.place.cniFolder, '10-test.conflist'))
  const cut = await eventually('the runtime has noticed, too', async () => {
    const found = await look()
    return found.has('NetworkReady') ? found : undefined
  })
  assert.equal(cut.get('CNI network')?.status, 'broken')
  assert.match(cut.get('NetworkReady')?.found ?? '', /no valid CNI network configuration/)
})
