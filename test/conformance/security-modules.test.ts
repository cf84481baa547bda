import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { NamespaceMode, SecurityProfile_ProfileType as ProfileType } from '../../src/gen/cri_pb.ts'
import { mountTmpfs, unmount } from '../../src/linux/mount.ts'
import { getXattr } from '../../src/linux/xattr.ts'
import { relabel } from '../../src/oci/selinux/relabel.ts'
import { conformance } from '../harness/conformance.ts'

const hasSelinux = existsSync('/sys/fs/selinux/enforce')
const hasApparmor = existsSync('/sys/kernel/security/apparmor/profiles')
const namespaceOptions = { pid: NamespaceMode.CONTAINER }

test('AppArmor and SELinux where the host has them not', { timeout: 60_000 }, async (t) => {
  const { client, part } = await conformance(t)
  const create = async (security: object, more: object = {}) => {
    const config = { linux: { securityContext: { namespaceOptions, ...security } }, ...more }
    const pod = await client.runSandbox(
      client.sandboxConfig('pod', { metadata: { name: 'pod', namespace: 'n', uid: `${++pods}` } }),
    )
    return client.createContainer(pod, client.containerConfig('c', 'echo up', config))
  }
  let pods = 0

  await part('an AppArmor profile that is asked for is refused', async () => {
    if (hasApparmor) return t.diagnostic('this host has AppArmor')
    const refused = { codeName: 'FAILED_PRECONDITION', message: /apparmor is not supported on this host/ }
    await assert.rejects(create({ apparmor: { profileType: ProfileType.RuntimeDefault } }), refused)
    await assert.rejects(create({ apparmor: { profileType: ProfileType.Localhost, localhostRef: 'x' } }), refused)
    await assert.rejects(create({ apparmorProfile: 'localhost/x' }), refused)
    await create({ apparmor: { profileType: ProfileType.Unconfined } })
  })

  await part('an SELinux label that confines is refused; the one of privileged agents means nothing', async () => {
    if (hasSelinux) return t.diagnostic('this host has SELinux')
    for (const selinuxOptions of [{ level: 's0:c1,c2' }, { type: 'container_t' }]) {
      await assert.rejects(create({ selinuxOptions }), {
        codeName: 'FAILED_PRECONDITION',
        message: /selinux_options: SELinux is not enabled on this host/,
      })
    }
    await assert.rejects(create({ selinuxOptions: { type: 'a b' } }), { codeName: 'INVALID_ARGUMENT' })
    await create({ selinuxOptions: { type: 'spc_t', level: 's0' } })
    await create({ selinuxOptions: {} })
  })

  await part('a volume that may be relabelled stays as it is: the kubelet says so on every host', async () => {
    if (hasSelinux) return t.diagnostic('this host has SELinux')
    const volume = mkdtempSync(join(tmpdir(), 'berth-volume-'))
    const mounts = [{ containerPath: '/v', hostPath: volume, selinuxRelabel: true }]
    await create({}, { mounts })
    assert.equal(getXattr(volume, 'security.selinux'), undefined)
    rmSync(volume, { recursive: true })
  })
})

test('a volume is relabelled: all of it, no link, no other mount, nothing of the host', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-relabel-'))
  mountTmpfs(folder, 1024 * 1024)
  t.after(() => {
    unmount(join(folder, 'v/other'))
    unmount(folder)
    rmSync(folder, { recursive: true })
  })
  mkdirSync(join(folder, 'v/sub/other'), { recursive: true })
  mkdirSync(join(folder, 'v/other'))
  mountTmpfs(join(folder, 'v/other'), 1024 * 1024)
  writeFileSync(join(folder, 'outside'), '')
  writeFileSync(join(folder, 'v/sub/file'), '')
  symlinkSync('../outside', join(folder, 'v/link'))
  const label = 'system_u:object_r:container_file_t:s0:c1,c2'
  await relabel(join(folder, 'v'), label)
  const labelOf = (path: string) => getXattr(join(folder, path), 'security.selinux')?.toString()
  for (const path of ['v', 'v/sub', 'v/sub/file', 'v/link']) assert.equal(labelOf(path), `${label}\0`, path)
  for (const path of ['outside', 'v/other']) assert.equal(labelOf(path), undefined, path)
  for (const path of ['/', '/etc', '/var/lib/', '/usr/../etc']) {
    await assert.rejects(relabel(path, label), { code: 'invalid-argument' }, path)
  }
})
