import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Reaper } from '../../linux/reaper.ts'
import { parseReference } from '../reference.ts'
import { credentialsFromFile } from './auth-file.ts'
import { helperRunner } from './credential-helper.ts'

/** Asks `docker-credential-xyz`, a shell script, for the credentials of an image. */
function asking(t: TestContext, script: string, patienceMs = 20_000) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-helper-'))
  const reaper = new Reaper({ adopt: false })
  t.after(() => {
    reaper[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  const helper = join(folder, 'docker-credential-xyz')
  writeFileSync(helper, `#!/bin/sh\n${script}\n`)
  chmodSync(helper, 0o755)
  const authFile = join(folder, 'config.json')
  writeFileSync(authFile, JSON.stringify({ credHelpers: { 'example.org': 'xyz' } }))
  const run = helperRunner(reaper, { path: `relative:${folder}:/usr/bin:/bin`, patienceMs })
  return credentialsFromFile(authFile, parseReference('example.org/team/app'), run)
}

test('a helper on PATH is asked for the server, and answers a name with a password', async (t) => {
  const script = `[ "$1" = get ] && server=$(cat) && echo "{\\"Username\\":\\"u-$server\\",\\"Secret\\":\\"s\\"}"`
  assert.deepEqual(await asking(t, script), { username: 'u-example.org', password: 's' })
})

test('the name <token> means an identity token; no credentials are none', async (t) => {
  assert.deepEqual(await asking(t, `echo '{"Username":"<token>","Secret":"s"}'`), { identityToken: 's' })
  assert.equal(await asking(t, 'echo "credentials not found in native keychain"; exit 1'), undefined)
})

test('whatever else a helper does is told, never its answer', async (t) => {
  const cases: [script: string, message: RegExp][] = [
    ['echo secret', /its answer makes no sense/],
    [`echo '{"Username":"u"}'`, /its answer makes no sense/],
    [`echo '{"Username":1,"Secret":"secret"}'`, /its answer makes no sense/],
    [`printf '{"Username":"u","Secret":"\\377secret'`, /its answer makes no sense/],
    ['true', /its answer makes no sense/],
    ['head -c 100000 /dev/zero', /more than 65536 bytes/],
    ["printf 'no\\033[31m access\\n'; exit 3", /exit code 3: no \[31m access/],
    ['kill -9 $$', /exit code|signal|killed/i],
  ]
  for (const [script, message] of cases) {
    await assert.rejects(asking(t, script), (error: Error) => {
      assert.match(error.message, message, script)
      assert.match(error.message, /credential helper "xyz"/)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
})

test('one that does not answer is ended', async (t) => {
  await assert.rejects(asking(t, 'sleep 1000', 200), /did not answer within 0.2 s/)
})
