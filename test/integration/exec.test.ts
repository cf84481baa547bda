import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** Commands that write much, that leave others behind, and whose OCI runtime hangs. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }

test('a command may write more than an answer holds', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('loud'))
  const containerId = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))
  const script = 'head -c 20000000 /dev/zero; head -c 20000000 /dev/zero >&2; exit 3'
  const { exitCode, stdout, stderr } = await client.runtime.execSync({ containerId, cmd: ['sh', '-c', script] })
  assert.equal(exitCode, 3)
  assert.ok(stdout.length + stderr.length > 16_000_000)
  assert.equal(stdout.length, stderr.length)
  await client.removeSandbox(pod)
})

test('what a command leaves behind writes on without holding anything up', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('busy'))
  const containerId = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))
  const cmd = ['sh', '-c', 'yes & yes >&2 & exit 5']
  assert.equal((await client.runtime.execSync({ containerId, cmd, timeout: 10n })).exitCode, 5)
  assert.equal((await client.runtime.execSync({ containerId, cmd: ['true'], timeout: 10n })).exitCode, 0)
  await client.removeSandbox(pod)
})

test('commands that cannot be started keep no others waiting after their time-out', options, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-runtime-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const runc = ['/usr/sbin/runc', '/usr/bin/runc'].find(existsSync) ?? assert.fail('no runc')
  const hang = join(folder, 'hang')
  const script = `case " $* " in *" exec "*) if [ -e ${hang} ]; then rm ${hang}; sleep 1000; fi;; esac`
  writeFileSync(join(folder, 'runc'), `#!/bin/sh\n${script}\nexec ${runc} "$@"\n`, { mode: 0o755 })
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { runtime: { runc: { path: join(folder, 'runc') } } },
  })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('hanging'))
  const containerId = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))
  const other = await client.runContainer(pod, client.containerConfig('other', 'sleep 1000'))
  writeFileSync(hang, '')
  const cmd = ['true']
  let isOver = false
  const late = assert
    .rejects(client.runtime.execSync({ containerId, cmd, timeout: 5n }), { codeName: 'DEADLINE_EXCEEDED' })
    .finally(() => {
      isOver = true
    })
  while (existsSync(hang)) await new Promise((resolve) => setTimeout(resolve, 20))
  // Another container's commands do not wait at all,
  assert.equal((await client.runtime.execSync({ containerId: other, cmd, timeout: 10n })).exitCode, 0)
  assert.equal(isOver, false)
  await late
  // and those of the same one until the time-out.
  assert.equal((await client.runtime.execSync({ containerId, cmd, timeout: 10n })).exitCode, 0)
  await client.removeSandbox(pod)
})
