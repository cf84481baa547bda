import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { NamespaceMode } from '../../src/gen/cri_pb.ts'
import { detectCgroups } from '../../src/linux/cgroup/cgroups.ts'
import { pinUserNamespace } from '../../src/linux/user-namespace.ts'
import { becomeSubreaper } from '../../src/linux/subreaper.ts'
import { Reaper } from '../../src/linux/reaper.ts'
import { startPodInit } from '../../src/linux/pod-init.ts'
import { unmount } from '../../src/linux/mount.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'

test('the init of a shared PID namespace shows nothing of the host', { timeout: 120_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t)
  const linux = { securityContext: { namespaceOptions: { pid: NamespaceMode.POD } } }
  const exec = async (containerId: string, script: string) => {
    const { stdout, stderr } = await client.runtime.execSync({ containerId, cmd: ['sh', '-c', script] })
    return Buffer.concat([stdout, stderr]).toString()
  }
  for (const added of [['SYS_PTRACE'], ['SYS_PTRACE', 'SYS_ADMIN', 'DAC_READ_SEARCH', 'SYS_CHROOT']]) {
    await part(`to a container with ${added.join(' and ')}`, async () => {
      const pod = await client.runSandbox(client.sandboxConfig('shared', { linux }))
      const container = await client.runContainer(
        pod,
        client.containerConfig('debug', 'sleep 1000', {
          linux: {
            securityContext: {
              namespaceOptions: { pid: NamespaceMode.POD },
              capabilities: { addCapabilities: added },
              seccomp: { profileType: 1 },
              apparmor: { profileType: 1 },
            },
          },
        }),
      )
      assert.equal(await exec(container, 'cat /proc/1/comm'), 'pause\n')
      assert.equal(await exec(container, 'ls -A /proc/1/root/ /proc/1/cwd/ | grep -v ":$" | grep .'), '')
      assert.equal(await exec(container, 'ls -d /proc/1/root/usr /proc/1/root/../usr 2>&1 | grep -v "No such"'), '')
      const fds = (await exec(container, 'for f in /proc/1/fd/*; do readlink $f; done')).trim().split('\n')
      assert.equal(fds.length, 3)
      assert.equal(new Set(fds).size, 1)
      assert.match(fds[0] ?? '', /^pipe:/)
      assert.match(await exec(container, 'cat /proc/1/mountinfo'), /^[^\n]* \/ ro,[^\n]* tmpfs none ro[^\n]*\n$/)
      assert.match(
        await exec(container, 'touch /proc/1/exe; touch /proc/1/root/x'),
        /Read-only file system\n.*Read-only file system/,
      )
      // Nothing there that could be run.
      assert.match(await exec(container, 'nsenter -t 1 -m ls / 2>&1'), /nsenter: /)
      const status = await exec(container, 'cat /proc/1/status')
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        assert.match(status, new RegExp(`${set}:\\t0+\\n`))
      assert.match(status, /NoNewPrivs:\t1\n/)
      assert.match(status, /Uid:\t65535\t65535\t65535\t65535\n/)
      for (const kind of ['net', 'ipc', 'uts', 'pid']) {
        const own = await exec(container, `readlink /proc/self/ns/${kind}; readlink /proc/1/ns/${kind}`)
        const [mine, inits] = own.trim().split('\n')
        assert.equal(inits, mine, kind)
        assert.notEqual(inits, readlinkSync(`/proc/self/ns/${kind}`), kind)
      }
    })
  }

  await part('nor can a container without capabilities look into it', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('plain', { linux }))
    const container = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000', { linux }))
    assert.match(await exec(container, 'ls /proc/1/root/'), /Permission denied/)
  })

  await part('it is in the pod’s cgroup, which is all that it sees, and goes with the pod', async () => {
    const cgroupParent = `${berthd.place.cgroupParent}/pod1`
    const pod = await client.runSandbox(client.sandboxConfig('cgroup', { linux: { ...linux, cgroupParent } }))
    const container = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000', { linux }))
    const { pid } = JSON.parse(readFileSync(join(berthd.place.state, 'sandboxes', pod, 'infra.json'), 'utf8')) as {
      pid: number
    }
    const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
    for (const line of cgroups) assert.ok(line.endsWith(`:${cgroupParent}/${pod}`), line)
    // Seen from its own cgroup namespace.
    const seen = spawnSync('nsenter', ['-t', String(pid), '-C', 'cat', `/proc/${pid}/cgroup`], { encoding: 'utf8' })
    for (const line of seen.stdout.trim().split('\n')) assert.match(line, /^\d+:[^:]*:\/$/)
    await client.runtime.stopPodSandbox({ podSandboxId: pod })
    const left = detectCgroups()
    for (const id of [pod, container]) assert.ok(!left.exists(`${cgroupParent}/${id}`))
    // The pod's own is the kubelet's to remove, and empty.
    await left.remove(cgroupParent)
  })

  await part('its mounts keep nothing of the host busy', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('mounts', { linux }))
    await client.runContainer(pod, client.containerConfig('c', 'sleep 1000', { linux }))
    const { pid } = JSON.parse(readFileSync(join(berthd.place.state, 'sandboxes', pod, 'infra.json'), 'utf8')) as {
      pid: number
    }
    assert.equal(readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n').length, 1)
  })
})

test('an init in a user namespace, and one whose maker dies', { timeout: 60_000 }, async (t) => {
  becomeSubreaper()
  const reaper = new Reaper({ adopt: true })
  t.after(() => reaper[Symbol.dispose]())
  const folder = mkdtempSync(join(tmpdir(), 'berth-init-'))
  const paths = { net: join(folder, 'net'), ipc: join(folder, 'ipc'), uts: join(folder, 'uts') }
  const user = join(folder, 'user')
  const path = join(folder, 'pid')
  t.after(() => {
    for (const each of [path, user, ...Object.values(paths)]) unmount(each)
    rmSync(folder, { recursive: true })
  })
  await pinUserNamespace(reaper, { hostId: 300_000, length: 65_536 }, user, paths)
  const namespaces = { user, ...paths }
  const place = async () => {}

  await t.test('its namespaces are those of the pod, its mounts not', async () => {
    let recorded = 0
    const record = (pid: number) => {
      recorded = pid
    }
    const pid = await startPodInit(reaper, { namespaces, path, id: 65_535, place, record })
    assert.equal(recorded, pid)
    assert.deepEqual(readdirSync(`/proc/${pid}/root`), [])
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Uid:\t365535\t.*CapEff:\t0+\n.*CapBnd:\t0+\n/ms)
    for (const kind of ['user', 'net', 'ipc', 'uts', 'mnt', 'cgroup']) {
      assert.notEqual(readlinkSync(`/proc/${pid}/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind)
    }
    const ended = reaper.wait(pid)
    process.kill(pid, 'SIGKILL')
    await ended
    unmount(path)
  })

  await t.test('one that is not on record ends', async () => {
    let started = 0
    const record = (pid: number) => {
      started = pid
      throw new Error('the disk is full')
    }
    await assert.rejects(startPodInit(reaper, { namespaces, path, id: 65_535, place, record }), /the disk is full/)
    await eventually('it ends', async () => !existsSync(`/proc/${started}`) || undefined)
  })

  await t.test('what cannot be entered is told', async () => {
    const bad = { net: join(folder, 'none') }
    await assert.rejects(startPodInit(reaper, { namespaces: bad, path, id: 65_535, place, record() {} }), {
      message: /cannot start the init of a pod's PID namespace: .*nsenter: .*none/,
    })
  })
})
