import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Berthd } from '../harness/berthd.ts'
import { assertCounted, printNumbers } from '../harness/counting.ts'
import { assertEndedWith } from '../harness/ended-with.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** berthd, its shims, and both at once are killed while containers print: no byte is lost or doubled, no exit code made up. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

/** For a longer run by hand: how long everything is killed again and again, at least, in seconds. */
const seconds = Number(process.env.BERTH_LOG_SECONDS ?? 0)
/** How often something is killed, at least. */
const kills = 9
const containersPerPod = 10

async function setUp(t: TestContext): Promise<{ berthd: Berthd; client: PodClient; folder: string }> {
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { shim: { pods_per_process: 1 } },
  })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const folder = join(berthd.place.folder, 'shared')
  mkdirSync(folder)
  return { berthd, client, folder }
}

const mountOf = (folder: string) => [{ containerPath: '/test', hostPath: folder }]

/** As fast as it can, in turns: so that something of the machine is left for those that are to be killed. */
const limited = { resources: { cpuPeriod: 100_000n, cpuQuota: 5_000n } }

/** As the kubelet does it. */
async function rotate(client: PodClient, containerId: string, logPath: string, rotation: number): Promise<boolean> {
  const rotated = `${logPath}.${String(rotation).padStart(5, '0')}`
  if (!existsSync(logPath)) {
    await client.runtime.reopenContainerLog({ containerId })
    return true
  }
  renameSync(logPath, rotated)
  try {
    await client.runtime.reopenContainerLog({ containerId }, { timeout: 2000 })
    return true
  } catch {
    renameSync(rotated, logPath)
    return false
  }
}

test('every line once and in order, whatever is killed', { timeout: (seconds + 180) * 1000 }, async (t) => {
  const { berthd, client, folder } = await setUp(t)
  const pods = await Promise.all(['one', 'two'].map((name) => client.runSandbox(client.sandboxConfig(name))))
  const containers: { id: string; logPath: string }[] = []
  for (const pod of pods) {
    for (let n = 0; n < containersPerPod; n++) {
      const id = await client.runContainer(
        pod,
        client.containerConfig(`c${n}`, printNumbers('/test/stop'), { mounts: mountOf(folder), linux: limited }),
      )
      containers.push({ id, logPath: (await client.status(id)).logPath })
    }
  }
  const deadline = Date.now() + seconds * 1000
  const counts = { berthd: 0, shim: 0, both: 0, rotations: 0, rotationsWithoutBerthd: 0, failedRotations: 0 }
  for (let round = 0, asked = 0; round < kills || Date.now() < deadline; round++) {
    const victims = (['berthd', 'shim', 'both'] as const)[round % 3] ?? 'both'
    const rotations = Array.from({ length: 5 }, async (_, n) => {
      const { id, logPath } = containers[(round * 7 + n) % containers.length] ?? assert.fail()
      await delay(Math.random() * 150)
      if (await rotate(client, id, logPath, asked++)) counts.rotations++
      else if (victims === 'shim') counts.failedRotations++
      else counts.rotationsWithoutBerthd++
    })
    await delay(Math.random() * 150)
    counts[victims]++
    if (victims !== 'berthd') for (const pid of berthd.shims()) process.kill(pid, 'SIGKILL')
    if (victims !== 'shim') await berthd.kill9()
    await Promise.allSettled(rotations)
    await delay(Math.random() * 300)
    if (victims !== 'shim') {
      await berthd.start()
      client.reconnect()
    }
    await delay(Math.random() * 300)
  }
  writeFileSync(join(folder, 'stop'), '')
  let total = 0
  for (const { id, logPath } of containers) {
    assertEndedWith(3, await client.exited(id))
    total += assertCounted(logPath)
  }
  t.diagnostic(`${total} lines of ${containers.length} containers; ${JSON.stringify(counts)}`)
  for (const pod of pods) await client.removeSandbox(pod)
})

test('containers that end while berthd and their shim are dead', { timeout: 120_000 }, async (t) => {
  const { berthd, client, folder } = await setUp(t)
  const pod = await client.runSandbox(client.sandboxConfig('ending'))
  const wait = 'echo waiting; while ! [ -e /test/go ]; do sleep 0.01; done; '
  const mounts = mountOf(folder)
  const code = await client.runContainer(
    pod,
    client.containerConfig('code', `${wait}echo last; echo last >&2; exit 7`, { mounts }),
  )
  const terminal = await client.runContainer(
    pod,
    client.containerConfig('terminal', `${wait}echo last; exit 9`, { mounts, tty: true, stdin: true }),
  )
  const containers = [code, terminal]
  for (const container of containers) {
    await eventually('it waits', async () => (await client.logLines(container)).length > 0 || undefined)
  }
  const logs = await Promise.all(containers.map(async (container) => (await client.status(container)).logPath))
  const shims = berthd.shims()
  const inits = await Promise.all(containers.map((container) => pidOf(client, container)))
  for (const pid of shims) process.kill(pid, 'SIGKILL')
  await berthd.kill9()
  writeFileSync(join(folder, 'go'), '')
  await eventually('they have ended', () => inits.every((pid) => !existsSync(`/proc/${pid}`)) || undefined)
  assert.ok(logs.every((path) => !readFileSync(path, 'utf8').includes('last')))
  await berthd.start()
  client.reconnect()
  assertEndedWith(7, await client.exited(code))
  assertEndedWith(9, await client.exited(terminal))
  assert.deepEqual((await client.logLines(code)).toSorted(), ['last', 'last', 'waiting'])
  assert.deepEqual(
    (await client.logLines(terminal)).map((line) => line.trimEnd()),
    ['waiting', 'last'],
  )
  await client.removeSandbox(pod)
})

/** The pid of a container's first process. */
async function pidOf(client: PodClient, containerId: string): Promise<number> {
  const { info } = await client.runtime.containerStatus({ containerId, verbose: true })
  return (JSON.parse(info.info ?? '{}') as { pid: number }).pid
}
