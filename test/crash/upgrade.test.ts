import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, type TestContext, test } from 'node:test'
import { parse, stringify, type TomlTable } from 'smol-toml'
import { ContainerState, PodSandboxState } from '../../src/gen/cri_pb.ts'
import { Berthd, repository } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { oldBuild } from '../harness/old-build.ts'
import { PodClient } from '../harness/pod.ts'
import { isTable } from '../harness/surroundings.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/**
 * Another version of Berth takes over what runs: pods of an old build under a new one's berthd and shim, and back. The old builds
 * are earlier commits of this repository; where its history is not here, records are written as the first version wrote them.
 */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 90_000 }

interface OldBuild {
  readonly commit: string
  /** Tables and keys of the configuration that it does not know. */
  readonly unknown: readonly string[]
}

/** Before second copies of records, the keeper, staged output and NRI. */
const oldest: OldBuild = {
  commit: 'c853c78e067555ea75792c3da8643f31791e79b9',
  unknown: ['nri', 'cni.attach_ahead'],
}

/** Before starts that are prepared, records that reach the disk in the background, and networks that are attached ahead. */
const younger: OldBuild = { commit: 'e3fcadca51e3eb21ffcbee9063d47914b88c871d', unknown: ['cni.attach_ahead'] }

const counting = 'trap "exit 7" TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done'

/** A berthd of which the version can be changed. Its pods must not notice. */
async function versions(t: TestContext) {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const empty = berthd.snapshot()
  const { configFile, folder } = berthd.place
  const configuration = readFileSync(configFile, 'utf8')
  const start = async (tree: string, unknown: readonly string[]) => {
    await berthd.stop()
    berthd.tree = tree
    writeFileSync(configFile, stringify(without(parse(configuration), unknown)))
    await berthd.start()
    client.reconnect()
  }
  return {
    berthd,
    client,
    empty,
    startThis: () => start(repository, []),
    /** Answers why not, where its source is not here. */
    async startOld({ commit, unknown }: OldBuild): Promise<string | undefined> {
      const tree = join(folder, 'old')
      const missing = existsSync(tree) ? undefined : oldBuild(commit, tree)
      if (missing === undefined) await start(tree, unknown)
      return missing
    },
  }
}

/** The table without these keys, which are paths. */
function without(table: TomlTable, keys: readonly string[], path = ''): TomlTable {
  const left = Object.entries(table).filter(([key]) => !keys.includes(`${path}${key}`))
  return Object.fromEntries(
    left.map(([key, value]) => [key, isTable(value) ? without(value, keys, `${path}${key}.`) : value]),
  )
}

type Versions = Awaited<ReturnType<typeof versions>>

/** A pod with a container that counts, one that has ended with 3, and one that is not started yet. */
async function runPod({ client }: Versions, name: string) {
  const pod = await client.runSandbox(client.sandboxConfig(name, { labels: { app: name } }))
  const counter = await client.runContainer(pod, client.containerConfig('counter', counting))
  const ended = await client.runContainer(pod, client.containerConfig('ended', 'echo last; exit 3'))
  const created = await client.createContainer(pod, client.containerConfig('created', counting))
  await client.logged(counter, '5')
  assert.equal((await client.exited(ended)).exitCode, 3)
  return { pod, counter, ended, created }
}

type Pod = Awaited<ReturnType<typeof runPod>>

/** Prints on, and has missed no number. */
async function countsOn({ client }: Versions, container: string): Promise<void> {
  const { length } = await client.logLines(container)
  await eventually('it counts on', async () => (await client.logLines(container)).length > length + 5 || undefined)
  const lines = await client.logLines(container)
  assert.deepEqual(
    lines,
    Array.from(lines, (_, index) => String(index)),
  )
}

/** All is known of the pod, and its containers run on and obey. */
async function assertTakenOver(world: Versions, { pod, counter, ended, created }: Pod, name: string): Promise<void> {
  const { client } = world
  const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
  assert.deepEqual([status?.state, status?.labels], [PodSandboxState.SANDBOX_READY, { app: name }])
  assert.match(status?.network?.ip ?? '', /^10\./)
  assert.deepEqual([(await client.status(ended)).exitCode, await client.logLines(ended)], [3, ['last']])
  assert.equal((await client.status(counter)).state, ContainerState.CONTAINER_RUNNING)
  await countsOn(world, counter)
  const { stdout } = await client.runtime.execSync({ containerId: counter, cmd: ['echo', 'hello'], timeout: 20n })
  assert.equal(Buffer.from(stdout).toString(), 'hello\n')
  if ((await client.status(created)).state === ContainerState.CONTAINER_CREATED) {
    await client.runtime.startContainer({ containerId: created })
  }
  await countsOn(world, created)
}

/** They end as they should, and nothing of the pod is left. */
async function assertEnds({ client }: Versions, { pod, counter, created }: Pod): Promise<void> {
  for (const containerId of [counter, created]) {
    await client.runtime.stopContainer({ containerId, timeout: 10n })
    assert.equal((await client.status(containerId)).exitCode, 7)
  }
  await client.removeSandbox(pod)
}

test('pods of an old build and its shim under this one', options, async (t) => {
  const world = await versions(t)
  const missing = await world.startOld(oldest)
  const pod = await runPod(world, 'early')
  if (missing !== undefined) {
    t.diagnostic(`${missing}; a pod of this build, with records as the first version wrote them, stands for its pods`)
    await rewriteRecords(world)
  }
  await world.startThis()
  await assertTakenOver(world, pod, 'early')
  await assertEnds(world, pod)
  await world.berthd.assertAsAt(world.empty)
})

test('a shim of this build takes over from an old one; back to the old build with it', options, async (t) => {
  const world = await versions(t)
  const old = await world.startOld(younger)
  if (old !== undefined) return t.skip(old)
  const early = await runPod(world, 'early')
  await world.startThis()
  for (const shim of world.berthd.shims()) process.kill(shim, 'SIGKILL')
  await eventually('a shim of this build is there', () => /took over a running/.test(world.berthd.log()) || undefined)
  await assertTakenOver(world, early, 'early')
  const late = await runPod(world, 'late')

  await world.startOld(younger)
  await assertTakenOver(world, late, 'late')
  await assertTakenOver(world, early, 'early')
  for (const pod of [late, early]) await assertEnds(world, pod)
  await world.berthd.assertAsAt(world.empty)
})

/** Ends berthd, and leaves its records as the first version wrote them. */
async function rewriteRecords({ berthd }: Versions): Promise<void> {
  await berthd.stop()
  const { root, state } = berthd.place
  rmSync(join(state, 'records'), { recursive: true })
  const database = new DatabaseSync(join(root, 'berth.db'))
  // The OCI runtime of a pod was not kept, and writes were not counted.
  database.exec(`UPDATE sandboxes SET body = json_remove(body, '$.runtime')`)
  for (const { name } of database.prepare(`SELECT name FROM sqlite_master WHERE type = 'trigger'`).all()) {
    database.exec(`DROP TRIGGER "${String(name)}"`)
  }
  database.exec('DROP TABLE facts')
  database.close()
}
