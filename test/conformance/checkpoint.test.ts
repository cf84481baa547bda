import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { NamespaceMode } from '../../src/gen/cri_pb.ts'
import { findProgram } from '../../src/linux/find-program.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'

/** A folder with CRIU, for machines that have it elsewhere than on PATH. */
const criuFolder = process.env.BERTH_TESTS_CRIU
const own = { linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } } } }
const counts =
  'rm /bin/wget; rm -r /usr; mkdir /usr /made; echo x >/made/file; i=0; while :; do echo $((i += 1)); sleep 0.1; done'

/**
 * runc, but for its checkpoint: that leaves files as CRIU does, with what it was told, and is slow or fails when a file says so.
 * CRIU itself does not run on every machine.
 */
const runtime = `#!/bin/sh
place=$(dirname "$0")
case " $* " in *" checkpoint "*) ;; *) exec runc "$@" ;; esac
while [ $# -gt 1 ]; do
  case $1 in --image-path) images=$2 ;; --work-path) work=$2 ;; --root) root=$2 ;; esac
  shift
done
runc --root "$root" state "$1" >"$place/state"
echo "(00.1) Error (criu/files-reg.c:1): Can't lookup mount=1" >"$work/dump.log"
[ ! -e "$place/fail" ] || { echo "criu failed: type NOTIFY errno 0" >&2; exit 1; }
while [ -e "$place/slow" ]; do touch "$place/began"; sleep 0.1; done
echo pages >"$images/pages-1.img"; echo core >"$images/core-1.img"; echo stats >"$work/stats-dump"`

test('without CRIU a checkpoint is refused', { timeout: 60_000 }, async (t) => {
  if (findProgram('criu')) return t.skip('this machine has CRIU')
  const { client, part } = await conformance(t)
  await part('with the way out', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('plain', own))
    const containerId = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))
    await assert.rejects(client.runtime.checkpointContainer({ containerId, location: '/tmp/x.tar' }), {
      codeName: 'FAILED_PRECONDITION',
      message: /checkpointing needs CRIU/,
    })
  })
})

test('a checkpoint', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-checkpoint-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'runtime'), runtime, { mode: 0o755 })
  writeFileSync(join(folder, 'criu'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const path = process.env.PATH
  process.env.PATH = `${folder}:${path}`
  t.after(() => {
    process.env.PATH = path
  })
  const { berthd, client, part } = await conformance(t, {
    config: { runtime: { runc: { path: join(folder, 'runtime') } } },
  })
  const location = join(folder, 'checkpoint.tar')
  const running = async () => {
    const pod = await client.runSandbox(client.sandboxConfig('checkpointed', own))
    const mounts = [{ containerPath: '/mounted', hostPath: folder }]
    const containerId = await client.runContainer(pod, client.containerConfig('c', counts, { mounts }))
    await client.logged(containerId, '2')
    return containerId
  }
  const goesOn = async (containerId: string) => {
    const before = (await client.logLines(containerId)).length
    await eventually('it goes on', async () => (await client.logLines(containerId)).length > before + 1 || undefined)
    assert.equal((await client.status(containerId)).state, 1)
    assert.ok(!existsSync(join(berthd.place.root, 'containers', containerId, 'checkpoint')))
  }

  await part('is an archive as CRI-O, containerd and checkpointctl know it; the container runs on', async () => {
    const containerId = await running()
    await client.runtime.checkpointContainer({ containerId, location })
    await goesOn(containerId)
    assert.equal(statSync(location).mode & 0o777, 0o600)
    const unpacked = join(folder, 'unpacked')
    mkdirSync(unpacked)
    spawnSync('tar', ['-xf', location, '-C', unpacked])
    assert.deepEqual(readdirSync(unpacked).sort(), [
      'bind.mounts',
      'checkpoint',
      'config.dump',
      'container.log',
      'deleted.files',
      'dump.log',
      'rootfs-diff.tar',
      'spec.dump',
      'stats-dump',
      'status.dump',
    ])
    const read = (name: string) => readFileSync(join(unpacked, name), 'utf8')
    assert.equal(read('checkpoint/pages-1.img'), 'pages\n')
    // While it was dumped, it stood still.
    assert.match(readFileSync(join(folder, 'state'), 'utf8'), /"status": "paused"/)
    const config = JSON.parse(read('config.dump')) as Record<string, unknown>
    assert.equal(config.id, containerId)
    assert.equal(config.name, 'c')
    assert.equal(config.runtime, 'runc')
    assert.match(String(config.rootfsImageName), /busybox/)
    for (const time of ['createdTime', 'checkpointedTime']) assert.ok(Date.parse(String(config[time])) > 0, time)
    assert.match(read('status.dump'), /^\{"created_at":\d{19},"started_at":\d{19},"id":"/)
    assert.equal((JSON.parse(read('status.dump')) as { metadata: { name: string } }).metadata.name, 'c')
    assert.deepEqual((JSON.parse(read('spec.dump')) as { process: { args: string[] } }).process.args.slice(0, 2), [
      '/bin/sh',
      '-c',
    ])
    assert.deepEqual((JSON.parse(read('deleted.files')) as string[]).sort(), ['/bin/wget', '/usr/bin'])
    const bind = JSON.parse(read('bind.mounts')) as { destination: string; file_type: string }[]
    assert.equal(bind.find(({ destination }) => destination === '/mounted')?.file_type, 'directory')
    assert.match(read('container.log'), / stdout F 2\n/)
    const { stdout } = spawnSync('tar', ['-tf', join(unpacked, 'rootfs-diff.tar')], { encoding: 'utf8' })
    assert.ok(
      ['made/', 'made/file'].every((name) => stdout.split('\n').includes(name)),
      stdout,
    )
    assert.doesNotMatch(stdout, /mounted|wget/)
    const criu = readFileSync(join(berthd.place.state, 'containers', containerId, 'criu.conf'), 'utf8')
    assert.equal(criu.trim().split('\n').length, 2)
    assert.match(criu, /^external file\[[0-9a-f]+:[0-9a-f]+\]$/m)
    rmSync(unpacked, { recursive: true })
  })

  await part('that fails, or takes longer than its client allows, leaves nothing but a running container', async () => {
    const containerId = await running()
    rmSync(location, { force: true })
    writeFileSync(join(folder, 'fail'), '')
    await assert.rejects(client.runtime.checkpointContainer({ containerId, location }), {
      message: /CRIU says: Can't lookup mount=1 \(criu\/files-reg\.c:1\)/,
    })
    rmSync(join(folder, 'fail'))
    await goesOn(containerId)
    writeFileSync(join(folder, 'slow'), '')
    await assert.rejects(client.runtime.checkpointContainer({ containerId, location, timeout: 1n }), {
      codeName: 'DEADLINE_EXCEEDED',
      message: /took longer than 1 s/,
    })
    rmSync(join(folder, 'slow'))
    await goesOn(containerId)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('tar')),
      [],
    )
  })

  await part('that berthd does not live to see ends with a running container', async () => {
    const containerId = await running()
    writeFileSync(join(folder, 'slow'), '')
    rmSync(join(folder, 'began'), { force: true })
    const lost = client.runtime.checkpointContainer({ containerId, location }).catch(() => {})
    await eventually('it has begun', () => existsSync(join(folder, 'began')) || undefined)
    await berthd.kill9()
    await lost
    rmSync(join(folder, 'slow'))
    await berthd.start()
    client.reconnect()
    await goesOn(containerId)
  })

  await part('of what does not run, or to nowhere, is refused', async () => {
    const containerId = await running()
    const to = (where: string) => client.runtime.checkpointContainer({ containerId, location: where })
    for (const where of ['', 'relative.tar', '/no/such/folder/x.tar', folder, `${folder}/`, `${folder}/a\0b`]) {
      await assert.rejects(to(where), { codeName: 'INVALID_ARGUMENT', message: /location/ }, where)
    }
    await client.runtime.stopContainer({ containerId, timeout: 0n })
    await assert.rejects(to(location), { codeName: 'FAILED_PRECONDITION', message: /is exited/ })
    await assert.rejects(client.runtime.checkpointContainer({ containerId: 'none', location }), {
      codeName: 'NOT_FOUND',
    })
    await assert.rejects(client.runtime.checkpointContainer({ containerId, location, timeout: -1n }), {
      codeName: 'INVALID_ARGUMENT',
    })
  })
})

test('a checkpoint by CRIU itself', { timeout: 60_000 }, async (t) => {
  if (!criuFolder && !findProgram('criu')) return t.skip('there is no CRIU here (BERTH_TESTS_CRIU names its folder)')
  const path = process.env.PATH
  process.env.PATH = `${criuFolder ?? ''}:${path}`
  t.after(() => {
    process.env.PATH = path
  })
  const { berthd, client, part } = await conformance(t)
  await part('has the pages and the files of the container’s processes', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('dumped', own))
    const containerId = await client.runContainer(pod, client.containerConfig('c', counts))
    await client.logged(containerId, '2')
    const location = join(berthd.place.folder, 'real.tar')
    await client.runtime.checkpointContainer({ containerId, location })
    const { stdout } = spawnSync('tar', ['-tf', location], { encoding: 'utf8' })
    assert.match(stdout, /^checkpoint\/pages-1\.img$/m)
    assert.match(stdout, /^checkpoint\/core-1\.img$/m)
    const before = (await client.logLines(containerId)).length
    await eventually('it goes on', async () => (await client.logLines(containerId)).length > before || undefined)
    rmSync(location)
  })
})
