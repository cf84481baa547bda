import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { NamespaceMode } from '../../src/gen/cri_pb.ts'
import { errnoOf } from '../../src/lib/errors.ts'
import { detectCgroups } from '../../src/linux/cgroup/cgroups.ts'
import { FakeSystemd } from '../../src/linux/systemd/testing/fake-systemd.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'
import { SystemdCgroups } from '../harness/systemd-cgroups.ts'

/*
 * The systemd cgroup driver on a machine that does not run systemd: berthd, its shims and runc have a mount namespace in which
 * /run looks as if it did, and in which a systemd of ours answers on the system bus. runc is the real one.
 */

/** Mounts of the host come in, those in here do not get out. */
const script = [
  'set -e; bus=$1; shift',
  'mount -t tmpfs none /run/systemd && mkdir /run/systemd/system',
  'mount -t tmpfs none /run/dbus && ln -s "$bus" /run/dbus/system_bus_socket',
  'exec "$@"',
].join('\n')

test('the systemd cgroup driver', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-systemd-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const path of ['/run/systemd', '/run/dbus']) if (makeFolder(path)) t.after(() => rmdirSync(path))
  const cgroups = new SystemdCgroups()
  const socket = join(folder, 'bus')
  const systemd = await FakeSystemd.listen(socket, cgroups)
  const { berthd, client, part } = await conformance(t, {
    config: { cgroup_driver: 'systemd' },
    launcher: ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', script, 'sh', socket],
  })
  t.after(() => systemd.close())
  const end = async (pod: string) => {
    await client.removeSandbox(pod)
    // What the kubelet does next.
    cgroups.removeSlices()
  }
  const top = berthd.place.mark.replaceAll('-', '')
  const machine = detectCgroups()
  const own = { linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } } } }
  const shared = { securityContext: { namespaceOptions: { pid: NamespaceMode.POD } } }
  const cgroupOf = async (containerId: string) => {
    const { info } = await client.runtime.containerStatus({ containerId, verbose: true })
    return JSON.parse(info.info ?? '{}') as { pid: number; cgroup: string }
  }

  await part('is told to the kubelet', async () => {
    assert.equal((await client.runtime.runtimeConfig({})).linux?.cgroupDriver, 0)
  })

  for (const [form, cgroupParent, slice] of [
    ['a slice', `${top}-pod1.slice`, `/${top}.slice/${top}-pod1.slice`],
    ['a path to a slice', `/${top}.slice/${top}-pod2.slice`, `/${top}.slice/${top}-pod2.slice`],
    ['none at all', '', undefined],
  ] as const) {
    await part(`a container is in a scope of its pod's slice, with ${form} as the cgroup parent`, async () => {
      const linux = { ...own.linux, cgroupParent }
      const pod = await client.runSandbox(client.sandboxConfig('scoped', { linux }))
      const container = await client.runContainer(
        pod,
        client.containerConfig('c', "trap '' TERM; (setsid sleep 1000 &) ; echo up; while :; do sleep 1; done", {
          linux: { ...own.linux, resources: { memoryLimitInBytes: 64n << 20n, cpuShares: 512n } },
        }),
      )
      await client.logged(container, 'up')
      const scope = `cri-berth-${container}.scope`
      const { pid, cgroup } = await cgroupOf(container)
      if (slice !== undefined) assert.equal(cgroup, `${slice}/${scope}`)
      assert.match(cgroup, /\.slice\/cri-berth-[0-9a-f]{64}\.scope$/)
      assert.match(
        readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
        new RegExp(`^\\d+:\\S*memory\\S*:${cgroup}$|^0::${cgroup}$`, 'm'),
      )
      const unit = systemd.units.get(scope) ?? assert.fail(`no unit ${scope}`)
      assert.deepEqual(
        [unit.properties.get('Slice'), unit.properties.get('Delegate')],
        [cgroup.split('/').at(-2), true],
      )

      const usage = await eventually('its memory is counted', async () => {
        const { stats } = await client.runtime.containerStats({ containerId: container })
        return stats?.memory?.workingSetBytes?.value || undefined
      })
      assert.ok(usage > 0n)
      const linuxResources = { memoryLimitInBytes: 128n << 20n, cpuShares: 256n }
      await client.runtime.updateContainerResources({ containerId: container, linux: linuxResources })
      assert.equal(machine.usage(cgroup).memory?.limit, 128 << 20)
      assert.ok(systemd.calls.includes(`SetUnitProperties ${scope}`))

      // It ignores SIGTERM, and so does what it left behind: killed by its cgroup.
      await client.runtime.stopContainer({ containerId: container, timeout: 1n })
      assert.equal((await client.status(container)).exitCode, 137)
      await eventually('its scope is gone', async () => !systemd.units.has(scope) || undefined)
      await eventually('its cgroup is gone', async () => !machine.exists(cgroup) || undefined)
      await end(pod)
    })
  }

  await part('the init of a shared PID namespace is in a scope of its own in the pod’s slice', async () => {
    const parent = `${top}-pod3.slice`
    const pod = await client.runSandbox(client.sandboxConfig('init', { linux: { ...shared, cgroupParent: parent } }))
    const container = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000', { linux: shared }))
    const scope = `cri-berth-${pod}.scope`
    const path = `/${top}.slice/${parent}/${scope}`
    assert.equal(systemd.units.get(scope)?.properties.get('Slice'), parent)
    assert.equal(machine.processCount(path), 1)
    await client.runtime.stopPodSandbox({ podSandboxId: pod })
    assert.deepEqual([systemd.units.has(scope), machine.exists(path)], [false, false])
    assert.ok(!systemd.units.has(`cri-berth-${container}.scope`))
    await end(pod)
  })

  await part('a pod whose parent is no slice is refused', async () => {
    const config = client.sandboxConfig('path', { linux: { ...own.linux, cgroupParent: '/kubepods/pod1' } })
    await assert.rejects(client.runSandbox(config), {
      codeName: 'INVALID_ARGUMENT',
      message: /not a systemd slice .* must use the same driver/,
    })
  })

  await part('a container is cleared away, and its scope stopped, also when the OCI runtime fails', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('lost', own))
    const container = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))
    const { cgroup } = await cgroupOf(container)
    // runc cannot delete what it does not know of.
    rmSync(join(berthd.place.state, 'oci/runc', container), { recursive: true })
    await client.runtime.stopContainer({ containerId: container, timeout: 0n })
    await client.runtime.removeContainer({ containerId: container })
    assert.deepEqual([systemd.units.has(`cri-berth-${container}.scope`), machine.exists(cgroup)], [false, false])
    await end(pod)
  })
})

function makeFolder(path: string): boolean {
  try {
    mkdirSync(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}
