import assert from 'node:assert/strict'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MountPropagation } from '../../src/gen/cri_pb.ts'
import { createLogger } from '../../src/lib/log.ts'
import { listMountPoints, parseMounts } from '../../src/linux/mount-facts.ts'
import { MS, mount, mountTmpfs, unmount } from '../../src/linux/mount.ts'
import { insideMountView } from '../../src/linux/mount-view.ts'
import { Reaper } from '../../src/linux/reaper.ts'
import { spawn } from '../../src/linux/spawn.ts'
import { makeFolders } from '../../src/pod/folders.ts'
import { Layout } from '../../src/pod/layout.ts'
import { MountsApart } from '../../src/pod/mounts-apart.ts'
import { Berthd } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** The OCI runtime does not see the mounts of other pods, nor does anybody else miss them. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const timeout = 60_000

/** A layout on a file system of its own, which shares its mounts as /run does where systemd runs, or does not. */
function privatePlace(t: TestContext, { shared }: { readonly shared: boolean }) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-mount-view-'))
  mountTmpfs(folder, 16 * 1024 * 1024)
  mount('', folder, null, shared ? MS.SHARED : MS.PRIVATE, null)
  t.after(() => {
    for (const path of listMountPoints().toReversed()) if (path.startsWith(folder)) unmount(path)
    rmSync(folder, { recursive: true })
  })
  const layout = new Layout(join(folder, 'lib'), join(folder, 'run'))
  makeFolders(layout)
  return { folder, layout, mountsApart: new MountsApart(layout, createLogger('test', 'error')) }
}

/** Mounts what a pod has. */
function mountPod(layout: Layout, sandbox: string, container: string): readonly string[] {
  const paths = [layout.sandbox(sandbox).shm, layout.container(container).rootfs]
  for (const path of paths) {
    mkdirSync(path, { recursive: true })
    mountTmpfs(path, 4096)
  }
  return paths
}

for (const shared of [true, false]) {
  test(`what is hidden from a process is there for all others (${shared ? 'shared' : 'private'})`, async (t) => {
    const { folder, layout, mountsApart } = privatePlace(t, { shared })
    mountsApart.make()
    const own = mountPod(layout, 's1', 'c1')
    const others = mountPod(layout, 's2', 'c2')
    const below = () => listMountPoints().filter((path) => path.startsWith(folder))
    const before = below()

    const file = join(folder, 'mountinfo')
    using reaper = new Reaper({ adopt: false })
    const [stdin, stdout, late] = [openSync('/dev/null', 'r'), openSync(file, 'w'), join(folder, 'late')]
    mkdirSync(late)
    const view = mountsApart.viewOf('s1', 'c1')
    assert.ok(view)
    const script = `cat /proc/self/mountinfo; mount -t tmpfs none ${late}`
    const pid = insideMountView(view, () =>
      spawn({ file: '/bin/sh', args: ['-c', script], env: { PATH: '/usr/bin:/bin' }, stdin, stdout, stderr: stdout }),
    )
    assert.deepEqual(below(), before)
    const { exitCode } = await reaper.wait(pid)
    for (const fd of [stdin, stdout]) closeSync(fd)
    const text = readFileSync(file, 'utf8')
    assert.equal(exitCode, 0, text)

    const seen = parseMounts(text).map(({ mountPoint }) => mountPoint)
    for (const path of own) assert.ok(seen.includes(path), path)
    for (const path of others) assert.ok(!seen.includes(path), path)
    // What it mounts elsewhere goes where it would have gone, and nothing else has changed.
    assert.equal(listMountPoints().includes(late), shared)
    unmount(late)
    assert.deepEqual(below(), before)

    // As long as there is one of a pod, all stays.
    for (const path of own) unmount(path)
    mountsApart.release()
    assert.deepEqual(
      below(),
      before.filter((path) => !own.includes(path)),
    )
    for (const path of others) unmount(path)
    mountsApart.release()
    assert.deepEqual(below(), [folder])
  })
}

test('where there can be no view, a process is started among all mounts', (t) => {
  const { folder, layout, mountsApart } = privatePlace(t, { shared: true })
  mountsApart.make()
  mountPod(layout, 's1', 'c1')
  const view = mountsApart.viewOf('s1', 'c1')
  assert.ok(view)
  const before = listMountPoints()
  const none = join(folder, 'none')
  for (const broken of [
    { ...view, hidden: [...view.hidden, none] },
    { ...view, shown: [none] },
  ]) {
    assert.deepEqual(
      insideMountView(broken, () => listMountPoints()),
      before,
    )
    assert.deepEqual(listMountPoints(), before)
  }
})

test('what fails in there leaves the thread where it was', (t) => {
  const { layout, mountsApart } = privatePlace(t, { shared: true })
  mountsApart.make()
  mountPod(layout, 's1', 'c1')
  const view = mountsApart.viewOf('s1', 'c1')
  assert.ok(view)
  const before = listMountPoints()
  const fail = () => {
    throw new Error('on purpose')
  }
  assert.throws(() => insideMountView(view, fail), /on purpose/)
  assert.deepEqual(listMountPoints(), before)
})

test('mounts of an earlier version stay where they are, and are seen by all', (t) => {
  const { layout, mountsApart } = privatePlace(t, { shared: true })
  mountPod(layout, 's1', 'c1')
  const before = listMountPoints()
  mountsApart.make()
  assert.deepEqual(listMountPoints(), before)
  assert.equal(mountsApart.viewOf('s1', 'c1'), undefined)
  mountsApart.release()
  assert.deepEqual(listMountPoints(), before)
})

/** The mounts that the OCI runtime sees which starts a container from a bundle, if there is one at this moment. */
function seenByRuntime(bundle: string): readonly string[] | undefined {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (args.includes(bundle) && args.includes('run')) {
        return parseMounts(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).map(({ mountPoint }) => mountPoint)
      }
    } catch {
      // It has ended.
    }
  }
  return undefined
}

test('runc sees the mounts of its own pod alone, and a container that asks for them those of all', {
  timeout,
}, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const { state } = berthd.place
  const layout = new Layout(berthd.place.root, state)
  const other = await client.runSandbox(client.sandboxConfig('other'))
  const pod = await client.runSandbox(client.sandboxConfig('mine'))

  let attempts = 0
  const seen = await eventually('a runtime is seen at work', async () => {
    const container = await client.createContainer(pod, client.containerConfig(`c${attempts++}`, 'sleep 1000'))
    const started = new AbortController()
    const starting = client.runtime.startContainer({ containerId: container }).finally(() => started.abort())
    let found: readonly string[] | undefined
    while (!started.signal.aborted && !found?.length) {
      found = seenByRuntime(layout.container(container).bundle)
      await nextTurn()
    }
    await starting
    return found?.length ? found : undefined
  })
  assert.ok(seen.includes(layout.sandbox(pod).netns))
  assert.ok(!seen.some((path) => path.startsWith(layout.sandbox(other).folder)))
  assert.ok(listMountPoints().includes(layout.sandbox(other).netns))

  const watcher = await client.runContainer(
    pod,
    client.containerConfig('watcher', 'cat /proc/self/mountinfo', {
      mounts: [{ hostPath: state, containerPath: '/state', propagation: MountPropagation.PROPAGATION_PRIVATE }],
    }),
  )
  await client.exited(watcher)
  const shown = parseMounts((await client.logLines(watcher)).map((line) => `${line}\n`).join(''))
  assert.ok(shown.some(({ mountPoint }) => mountPoint === `/state/sandboxes/${other}/net`))

  for (const each of [pod, other]) await client.removeSandbox(each)
})
