import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { ContainerState, PodSandboxState } from '../../src/gen/cri_pb.ts'
import { newId } from '../../src/lib/ids.ts'
import { mountTmpfs, unmount } from '../../src/linux/mount.ts'
import { listMountPoints } from '../../src/linux/mount-facts.ts'
import { Berthd } from '../harness/berthd.ts'
import { tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** Somebody else has a hand in what is Berth's, or something was left behind. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }
const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'

interface Found {
  readonly kind: string
  readonly subject: string
  readonly problem: string
  readonly remedy: string
  readonly error?: string
}

async function runningPod(t: TestContext) {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const empty = berthd.snapshot()
  const pod = await client.runSandbox(client.sandboxConfig('handled'))
  const container = await client.runContainer(pod, client.containerConfig('c', script))
  await client.logged(container, 'ready')
  const findings = async (args: readonly string[]) => {
    const { stdout, exitCode } = await tryBerth(berthd.endpoint, [...args, '-o', 'json'])
    return { exitCode, findings: (JSON.parse(stdout) as { findings: Found[] }).findings }
  }
  return {
    berthd,
    client,
    pod,
    container,
    async check(): Promise<Found[]> {
      const { exitCode, findings: found } = await findings(['check'])
      assert.equal(exitCode, found.length === 0 ? 0 : 1)
      return found
    },
    dryRun: async () => (await findings(['gc', '--dry-run'])).findings,
    gc: async () => (await findings(['gc'])).findings,
    async pid(): Promise<number> {
      const { info } = await client.runtime.containerStatus({ containerId: container, verbose: true })
      return (JSON.parse(info.info ?? '{}') as { pid: number }).pid
    },
    async end() {
      await client.removeSandbox(pod)
      await berthd.assertAsAt(empty)
    },
  }
}

test('the first process of a container is killed by somebody else', options, async (t) => {
  const { client, container, pid, check, end } = await runningPod(t)
  process.kill(await pid(), 'SIGKILL')
  const { exitCode, reason } = await client.exited(container)
  assert.deepEqual([exitCode, reason], [137, 'Error'])
  assert.deepEqual(await check(), [])
  await end()
})

test('the cgroup of a container is taken away', options, async (t) => {
  const { berthd, client, container, pid, check, end } = await runningPod(t)
  const { cgroupParent } = berthd.place
  // Its processes into the cgroup above, in every hierarchy; what it starts after that is born there.
  const main = await pid()
  for (const folder of cgroupFolders(join(cgroupParent, container))) {
    await eventually(`${folder} is empty`, () => {
      for (const each of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
        writeFileSync(join(folder, '../cgroup.procs'), each)
      }
      try {
        rmdirSync(folder)
      } catch {
        return undefined
      }
      return true
    })
  }
  const [found] = await check()
  assert.deepEqual([found?.subject, found?.remedy], [container, 'report'])
  assert.match(found?.problem ?? '', /has lost its cgroup/)
  // A new berthd must not take it for ended, nor a new shim.
  await berthd.kill9()
  await berthd.start()
  client.reconnect()
  assert.equal((await client.status(container)).state, ContainerState.CONTAINER_RUNNING)
  assert.equal(await pid(), main)
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 7)
  await end()
})

test('the root file system of a container is unmounted', options, async (t) => {
  const { berthd, client, container, check, end } = await runningPod(t)
  const rootfs = join(berthd.place.state, 'containers', container, 'rootfs')
  assert.ok(unmount(rootfs))
  const [found] = await check()
  assert.deepEqual([found?.kind, found?.subject, found?.remedy], ['container', container, 'report'])
  assert.match(found?.problem ?? '', /has lost its root file system/)
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 7)
  assert.deepEqual(await check(), [])
  await end()
})

test('the namespaces of a pod are unmounted while a container runs: they are pinned again', options, async (t) => {
  const { berthd, client, pod, container, dryRun, gc, check, end } = await runningPod(t)
  const folder = join(berthd.place.state, 'sandboxes', pod)
  for (const name of ['net', 'ipc']) assert.ok(unmount(join(folder, name)))
  const [found] = await dryRun()
  assert.deepEqual([found?.kind, found?.subject, found?.remedy], ['sandbox', pod, 'repair'])
  assert.match(found?.problem ?? '', /has lost its namespaces: .*net.*ipc was unmounted/)
  assert.deepEqual(await gc(), [found])
  assert.deepEqual(await check(), [])
  const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
  assert.equal(status?.state, PodSandboxState.SANDBOX_READY)
  // A new container is where the first one is.
  const second = await client.runContainer(pod, client.containerConfig('second', 'ip -o -4 addr show eth0; sleep 60'))
  const address = status.network?.ip ?? assert.fail('no address')
  await eventually('it has the pod’s address', async () =>
    (await client.logLines(second)).some((line) => line.includes(` ${address}/`)) ? true : undefined,
  )
  assert.equal((await client.status(container)).state, ContainerState.CONTAINER_RUNNING)
  await end()
})

test('a namespace of a pod is gone with its last pin: the pod is not ready, and says why', options, async (t) => {
  const { berthd, client, pod, container, gc, check, end } = await runningPod(t)
  await client.runtime.stopContainer({ containerId: container, timeout: 0n })
  assert.ok(unmount(join(berthd.place.state, 'sandboxes', pod, 'ipc')))
  assert.match((await gc())[0]?.problem ?? '', /has lost its namespaces/)
  const { status, info } = await client.runtime.podSandboxStatus({ podSandboxId: pod, verbose: true })
  assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY)
  assert.match(info.info ?? '', /has lost its namespaces/)
  assert.deepEqual(await check(), [])
  await end()
})

test('what nobody owns is swept, and what is not Berth’s is left alone', options, async (t) => {
  const { berthd, client, dryRun, gc, check, end } = await runningPod(t)
  const { root, state, cgroupParent } = berthd.place
  const [bundle, data, sandbox, known, mounted] = [newId(), newId(), newId(), newId(), newId()]
  mkdirSync(join(state, 'containers', bundle, 'rootfs/etc'), { recursive: true })
  mountTmpfs(join(state, 'containers', bundle, 'rootfs'), 1 << 20)
  mkdirSync(join(root, 'containers', data, 'upper'), { recursive: true })
  mkdirSync(join(state, 'sandboxes', sandbox, 'shm'), { recursive: true })
  mkdirSync(join(state, 'oci/runc', known), { recursive: true })
  // A mount at a file's place that is nobody's, and a folder with a name that Berth never gives.
  mkdirSync(join(state, 'containers', 'by-hand'))
  // The cgroup of a stranger, with a stranger in it.
  const foreign = cgroupFolders(cgroupParent)[0] ?? assert.fail('no cgroup')
  const strangers = join(foreign, mounted)
  mkdirSync(strangers)
  const pod = await client.runSandbox(client.sandboxConfig('stranger', { linux: { securityContext: {} } }))
  writeFileSync(join(strangers, 'cgroup.procs'), String(process.pid))
  t.after(() => rmSync(join(state, 'containers', 'by-hand'), { recursive: true, force: true }))
  try {
    const subjects = (found: readonly Found[], remedy: string) =>
      new Set(found.filter((each) => each.remedy === remedy).map(({ subject }) => subject))
    const expected = new Set([bundle, data, sandbox, known])
    const before = await dryRun()
    assert.deepEqual(subjects(before, 'sweep'), expected)
    assert.deepEqual(subjects(before, 'report'), new Set([join(cgroupParent, mounted)]))
    const done = await gc()
    assert.deepEqual(subjects(done, 'sweep'), expected)
    assert.deepEqual(
      done.filter(({ error }) => error !== undefined),
      [],
    )
    for (const folder of [state, root]) {
      const names = readdirSync(join(folder, 'containers'))
      assert.ok(!names.includes(bundle) && !names.includes(data))
    }
    assert.ok(!listMountPoints().some((path) => path.includes(bundle)))
    assert.ok(existsSync(join(state, 'containers', 'by-hand')))
    assert.deepEqual(readFileSync(join(strangers, 'cgroup.procs'), 'utf8').trim(), String(process.pid))
  } finally {
    writeFileSync(join(foreign, '../cgroup.procs'), String(process.pid))
    rmdirSync(strangers)
  }
  assert.deepEqual(await check(), [])
  await client.removeSandbox(pod)
  rmSync(join(state, 'containers', 'by-hand'), { recursive: true })
  await end()
})

test('a shim whose socket is taken away is displaced, and ends', options, async (t) => {
  const { berthd, client, container, check, gc, end } = await runningPod(t)
  const shims = () => [...berthd.log().matchAll(/"shimPid":(\d+),"msg":"started/g)].map(([, pid]) => Number(pid))
  const [first] = shims()
  rmSync(join(berthd.place.state, 'shims/0.sock'))
  await berthd.kill9()
  await berthd.start()
  client.reconnect()
  await eventually('a second shim is there', () => shims().length === 2 || undefined)
  // At once by the reconciler, or by hand.
  await gc()
  await eventually('the first has ended', () => !existsSync(`/proc/${first}`) || undefined)
  assert.deepEqual(await check(), [])
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 7)
  await end()
})

/** A cgroup in every hierarchy that has it. */
function cgroupFolders(path: string): string[] {
  const hierarchies = ['/sys/fs/cgroup', ...readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`)]
  return hierarchies.map((root) => join(root, path)).filter(existsSync)
}
