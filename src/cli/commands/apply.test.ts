import assert from 'node:assert/strict'
import { mkdtempDisposableSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { serveStatus } from '../../agent/control-socket.ts'
import { berth } from '../testing/berth.ts'

const endpoint = 'unix:///nowhere/berth.sock'

const pod = (name: string, image = 'x:1') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'main', image }] },
})

/** A folder of manifests, and a file with objects to apply. */
function setUp() {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-apply-'))
  const manifests = join(folder.path, 'manifests')
  const file = join(folder.path, 'given.yaml')
  const run = (...args: string[]) => berth(endpoint, [...args, '--manifests', manifests])
  const apply = (...objects: object[]) => {
    writeFileSync(file, objects.map((object) => stringify(object)).join('---\n'))
    return run('apply', '-f', file)
  }
  return { file, manifests, run, apply, [Symbol.dispose]: () => folder.remove() }
}

test('apply gives each object a file of its own, and says what became of it', async () => {
  using set = setUp()
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { a: 'b' } }
  const { stdout, stderr } = await set.apply(pod('web'), secret)
  assert.equal(stdout, 'secret/s created\npod/web created\n', 'first what pods need')
  assert.match(stderr, /no agent runs the pods of \S+ now: start one with berth agent --manifests/)
  assert.deepEqual(readdirSync(set.manifests), ['pod_default_web.yaml', 'secret_default_s.yaml'])
  assert.equal(statSync(join(set.manifests, 'secret_default_s.yaml')).mode & 0o777, 0o600)
  assert.equal((await set.apply(pod('web', 'x:2'), secret)).stdout, 'secret/s unchanged\npod/web configured\n')
  assert.match(readFileSync(join(set.manifests, 'pod_default_web.yaml'), 'utf8'), /image: x:2/)
})

test('what cannot be read is not applied, nor is anything beside it', async () => {
  using set = setUp()
  const { code, stderr } = await set.apply(pod('web'), pod('../x'))
  assert.equal(code, 1)
  assert.match(stderr, /metadata\.name: "\.\.\/x" must be/)
  assert.equal((await set.apply({ ...pod('web'), kind: 'Pond', metadata: { name: '../../x' } })).code, 1)
  const mounts = { name: 'main', image: 'x', volumeMounts: [{ name: 'dta', mountPath: '/x' }] }
  const lost = { ...pod('web'), spec: { containers: [mounts], volumes: [{ name: 'data', emptyDir: {} }] } }
  assert.match(
    (await set.apply(lost)).stderr,
    /mounts the volume "dta", which the pod does not have; did you mean "data"/,
  )
  const misspelt = await set.apply({ ...pod('web'), kind: 'Pood' })
  assert.equal(misspelt.code, 1)
  assert.match(misspelt.stderr, /Pood default\/web: there is no kind "Pood"; did you mean Pod\?/)
  assert.throws(() => readdirSync(set.manifests), { code: 'ENOENT' })
  assert.match((await set.apply({ ...pod('a'), kind: 'Service' })).stderr, /Service default\/a has no effect/)
})

test('delete takes objects away by name, by kind and name, and by file', async () => {
  using set = setUp()
  await set.apply(pod('a'), pod('b'), pod('c'))
  assert.equal((await set.run('delete', 'a', 'pod/b')).stdout, 'pod/a deleted\npod/b deleted\n')
  const lost = await set.run('delete', 'pod/b')
  assert.equal(lost.code, 1)
  assert.match(lost.stderr, /there is no "pod\/b" in /)
  const both = await set.run('delete', '-f', set.file)
  assert.deepEqual([both.code, both.stdout], [1, 'pod/c deleted\n'])
  assert.deepEqual(readdirSync(set.manifests), [])
  assert.match((await set.run('delete')).stderr, /name what to delete/)
})

test('files that people wrote are theirs: apply and delete name them and leave them alone', async () => {
  using set = setUp()
  await set.apply(pod('other'))
  const own = join(set.manifests, 'mine.yaml')
  writeFileSync(own, stringify(pod('web')))
  for (const { code, stderr } of [await set.apply(pod('web')), await set.run('delete', 'web')]) {
    assert.equal(code, 1)
    assert.ok(stderr.includes(`pod/web is in ${own}: change that file`), stderr)
  }
})

test('agent --status shows what the agent knows; one folder has one agent', async () => {
  using set = setUp()
  const sockets = join(set.manifests, '..', 'sockets')
  const status = () => set.run('agent', '--status', '--sockets', sockets)
  const none = await status()
  assert.equal(none.code, 1)
  assert.match(none.stderr, /no agent runs the pods of .*: start one with berth agent/)
  const web = { namespace: 'default', name: 'web', state: 'CrashLoopBackOff', ready: 0, total: 1, restarts: 3 }
  const createdAt = Date.UTC(2026, 0, 2) - 60_000
  {
    await using _agent = await serveStatus(set.manifests, sockets, () => [
      { ...web, createdAt, troubles: [], message: 'main ended with exit code 1' },
    ])
    const { stdout } = await status()
    assert.match(stdout, /^NAMESPACE +NAME +READY +STATUS +RESTARTS +AGE +WHY$/m)
    assert.match(stdout, /^default +web +0\/1 +CrashLoopBackOff +3 +.*minute.* +main ended with exit code 1$/m)
    const second = await set.run('agent', '--sockets', sockets)
    assert.match(second.stderr, /another agent runs the pods of .* already/)
  }
  assert.equal((await status()).code, 1)
})
