import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { canIdMap } from '../../src/linux/id-mapped-mount.ts'
import { unmount } from '../../src/linux/mount.ts'
import { Reaper } from '../../src/linux/reaper.ts'
import { pinUserNamespace } from '../../src/linux/user-namespace.ts'
import { mountRootfs } from '../../src/pod/container-rootfs.ts'
import { makeFolders } from '../../src/pod/folders.ts'
import { Layout } from '../../src/pod/layout.ts'
import { conformance } from '../harness/conformance.ts'

/** Runs a script as a user of the host, whom Berth knows nothing of. */
function asNobody(script: string): string {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
  const { stdout, stderr } = spawnSync('setpriv', [...nobody, 'sh', '-c', script], { encoding: 'utf8' })
  return stdout + stderr
}

test('setuid files of containers are out of reach for users of the host (CVE-2021-41103)', {
  timeout: 120_000,
}, async (t) => {
  const { berthd, client, part } = await conformance(t)
  const { folder, root, state } = berthd.place
  chmodSync(folder, 0o711)

  await part('neither in a root file system nor where it is kept', async () => {
    const volume = mkdtempSync(join(folder, 'volume-'))
    const pod = await client.runSandbox(client.sandboxConfig('pod'))
    const script = 'cp /bin/busybox /suid; chmod 4755 /suid; ls -l /suid; sleep 1000'
    const container = await client.runContainer(pod, client.containerConfig('c', script))
    await client.runtime.execSync({ containerId: container, cmd: ['sh', '-c', 'until [ -u /suid ]; do :; done'] })
    for (const path of [
      `${state}/containers/${container}/rootfs/suid`,
      `${root}/containers/${container}/upper/suid`,
      `${root}/images/layers/1/bin/busybox`,
    ]) {
      assert.match(asNobody(`${path} id`), /Permission denied/, path)
    }
    for (const path of [
      `${state}/containers`,
      `${state}/containers/${container}`,
      `${state}/sandboxes`,
      `${state}/sandboxes/${pod}`,
      `${state}/shims`,
      `${state}/oci`,
      `${root}/containers`,
      `${root}/images`,
    ]) {
      assert.match(asNobody(`ls ${path}`), /Permission denied/, path)
    }
    rmSync(volume, { recursive: true })
  })

  await part('and a user of the container’s own is not shut out', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('user'))
    const script = [
      'echo x >/dev/shm/x && cat /dev/shm/x',
      'cat /etc/resolv.conf >/dev/null && cat /etc/hosts >/dev/null && cat /etc/hostname',
      'echo again >/dev/stdout',
      'cd /bin && ls -d /bin/busybox',
    ].join('; ')
    const config = client.containerConfig('c', script, {
      linux: { securityContext: { namespaceOptions: { pid: 1 }, runAsUser: { value: 1234n } } },
    })
    const container = await client.runContainer(pod, config)
    await client.exited(container)
    assert.deepEqual(await client.logLines(container), ['x', 'user', 'again', '/bin/busybox'])
  })
})

test('the root of a pod’s user namespace comes to its root file system, and nobody else', {
  timeout: 60_000,
}, async (t) => {
  const reaper = new Reaper({ adopt: false })
  t.after(() => reaper[Symbol.dispose]())
  const folder = mkdtempSync(join(tmpdir(), 'berth-rootfs-'))
  chmodSync(folder, 0o711)
  const layout = new Layout(join(folder, 'lib'), join(folder, 'run'))
  makeFolders(layout)
  const container = layout.container('c')
  const userns = join(folder, 'user')
  t.after(() => {
    unmount(container.rootfs)
    unmount(userns)
    rmSync(folder, { recursive: true })
  })
  await pinUserNamespace(reaper, { hostId: 300_000, length: 65_536 }, userns, {})
  if (!canIdMap(folder, userns)) return t.skip('this kernel cannot map the ids of mounts')
  const layer = join(folder, 'layers', '1', 'fs')
  mkdirSync(join(layer, 'etc'), { recursive: true })
  mountRootfs(container, [layer], { userns, hostId: 300_000 })
  const inside = ['--user=' + userns, '--setuid', '0', '--setgid', '0', 'ls', container.rootfs]
  assert.equal(spawnSync('nsenter', inside, { encoding: 'utf8' }).stdout, 'etc\n')
  assert.match(asNobody(`ls ${container.rootfs}`), /Permission denied/)
  assert.match(asNobody(`ls ${container.upper}`), /Permission denied/)
})
