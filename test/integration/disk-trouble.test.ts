import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { ContainerState, PodSandboxState } from '../../src/gen/cri_pb.ts'
import { errnoOf } from '../../src/lib/errors.ts'
import { MS, mount, mountTmpfs, unmount } from '../../src/linux/mount.ts'
import { Berthd } from '../harness/berthd.ts'
import { tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** The disk of the records and images is full, or read-only. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 120_000 }
const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'

/** A berthd whose root folder is a small disk of its own, with a pod and two containers that run. */
async function onSmallDisk(t: TestContext) {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const { root } = berthd.place
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await berthd.stop()
  mountTmpfs(root, 64 << 20, '755', 0)
  await berthd.start()
  client.reconnect()
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('small'))
  const containers: string[] = []
  for (const name of ['first', 'second']) {
    const container = await client.runContainer(pod, client.containerConfig(name, script))
    await client.logged(container, 'ready')
    containers.push(container)
  }
  return {
    berthd,
    client,
    root,
    pod,
    containers: containers as [string, string],
    async startAgain() {
      await berthd.start()
      client.reconnect()
    },
    check: () => tryBerth(berthd.endpoint, ['check']),
    async end() {
      await client.removeSandbox(pod)
      await berthd.stop()
      unmount(root)
    },
  }
}

type Place = Awaited<ReturnType<typeof onSmallDisk>>

/** Both while berthd runs and after its start: what is there is served, what ends shows, what is new fails clearly. */
async function assertServesWhatItHas(
  { client, pod, check, root }: Place,
  container: string,
  why: RegExp,
): Promise<void> {
  const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
  assert.equal(status?.state, PodSandboxState.SANDBOX_READY)
  assert.equal((await client.runtime.listContainers({})).containers.length, 2)
  assert.equal((await client.image.listImages({})).images.length, 1)
  assert.equal((await client.status(container)).state, ContainerState.CONTAINER_RUNNING)
  await assert.rejects(client.runSandbox(client.sandboxConfig('another')), { message: why })
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  const ended = await client.status(container)
  assert.deepEqual([ended.state, ended.exitCode], [ContainerState.CONTAINER_EXITED, 7])
  const { exitCode, stdout } = await check()
  assert.equal(exitCode, 1)
  assert.ok(stdout.includes(join(root, 'berth.db')), stdout)
  assert.match(stdout, /cannot be written/)
}

async function assertRecovers({ client, check }: Place): Promise<void> {
  await eventually('all is in order again', async () => (await check()).exitCode === 0 || undefined, 20_000)
  const pod = await client.runSandbox(client.sandboxConfig('after'))
  await client.runContainer(pod, client.containerConfig('c', script))
  await client.removeSandbox(pod)
}

test('a full disk: what is there is served, and all goes on when there is room again', options, async (t) => {
  const place = await onSmallDisk(t)
  const { berthd, client, root, containers } = place
  const full = /cannot be written.*full.*make room/
  fill(join(root, 'filler'))
  await assertServesWhatItHas(place, containers[0], full)

  await berthd.kill9()
  await place.startAgain()
  assert.equal((await client.status(containers[0])).exitCode, 7)
  await assertServesWhatItHas(place, containers[1], full)

  rmSync(join(root, 'filler'))
  await assertRecovers(place)
  // It was written in the end.
  await berthd.restart()
  client.reconnect()
  for (const container of containers) assert.equal((await client.status(container)).exitCode, 7)
  await place.end()
})

test('a read-only disk: what is there is served, and all goes on when it can be written again', options, async (t) => {
  const place = await onSmallDisk(t)
  const { berthd, client, root, containers } = place
  await berthd.kill9()
  // The overlays of the containers hold it open for writing, which a remount would not take: the mount alone is changed.
  mount('', root, null, MS.REMOUNT | MS.BIND | MS.RDONLY, null)
  await place.startAgain()
  assert.match(berthd.log(), /the database cannot be written; what is in it is served/)
  await assertServesWhatItHas(place, containers[0], /cannot be written/)
  await client.runtime.stopPodSandbox({ podSandboxId: place.pod })
  assert.equal((await client.status(containers[1])).state, ContainerState.CONTAINER_EXITED)

  mount('', root, null, MS.REMOUNT | MS.BIND, null)
  await assertRecovers(place)
  await berthd.restart()
  client.reconnect()
  assert.equal((await client.status(containers[0])).exitCode, 7)
  await place.end()
})

/** Writes until there is no room for a page. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (const size of [1 << 20, 4096]) {
      const block = Buffer.alloc(size, 1)
      for (;;) {
        try {
          if (writeSync(file, block) < size) break
        } catch (error) {
          if (errnoOf(error) !== 'ENOSPC') throw error
          break
        }
      }
    }
  } finally {
    closeSync(file)
  }
}
