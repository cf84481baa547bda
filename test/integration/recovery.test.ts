import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, type TestContext, test } from 'node:test'
import { ContainerState, PodSandboxState } from '../../src/gen/cri_pb.ts'
import { unmount } from '../../src/linux/mount.ts'
import { listMountPoints } from '../../src/linux/mount-facts.ts'
import { Berthd } from '../harness/berthd.ts'
import { tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { pidsOf } from '../harness/machine-state.ts'
import { PodClient } from '../harness/pod.ts'
import { removeShared } from '../harness/surroundings.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** What berthd makes of records that are damaged, lost, or of another boot of the machine. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 90_000 }
const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done'

/** A berthd with a pod and a container that runs, and berthd then ended. */
async function stoppedBerthd(t: TestContext) {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const empty = berthd.snapshot()
  const pod = await client.runSandbox(client.sandboxConfig('kept', { labels: { app: 'kept' } }))
  const container = await client.runContainer(pod, client.containerConfig('c', script))
  await client.logged(container, 'ready')
  await berthd.stop()
  const { root, state } = berthd.place
  return {
    berthd,
    client,
    empty,
    pod,
    container,
    database: join(root, 'berth.db'),
    forgetCopies: () => rmSync(join(state, 'records'), { recursive: true }),
    async start() {
      await berthd.start()
      client.reconnect()
    },
    /** Changes rows behind berthd's back. */
    edit(sql: string) {
      const database = new DatabaseSync(join(root, 'berth.db'))
      database.exec(sql)
      database.close()
    },
    rows(table: string): string[] {
      const database = new DatabaseSync(join(root, 'berth.db'))
      const rows = database.prepare(`SELECT body FROM ${table}`).all()
      database.close()
      return rows.map(({ body }) => String(body))
    },
    async sandboxState() {
      return (await client.runtime.podSandboxStatus({ podSandboxId: pod })).status?.state
    },
    /** What `berth check` says, as one text; empty when all is in order. */
    async check(): Promise<string> {
      const { exitCode, stdout } = await tryBerth(berthd.endpoint, ['check'])
      assert.equal(exitCode, stdout === 'All is in order.\n' ? 0 : 1)
      return exitCode === 0 ? '' : stdout
    },
    async end() {
      await client.removeSandbox(pod)
      await berthd.assertAsAt(empty)
    },
  }
}

/** The container is what it was, and ends as it should. */
async function assertUnharmed({ client, container }: Awaited<ReturnType<typeof stoppedBerthd>>): Promise<void> {
  assert.equal((await client.status(container)).state, ContainerState.CONTAINER_RUNNING)
  const { exitCode } = await client.runtime.execSync({ containerId: container, cmd: ['true'] })
  assert.equal(exitCode, 0)
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 7)
}

test('a damaged database is set aside, and the pods that run lose nothing', options, async (t) => {
  const place = await stoppedBerthd(t)
  const { berthd, client, database, pod } = place
  const garbage = Buffer.alloc(64 * 1024, 'this is no database. ')
  writeFileSync(database, garbage)
  await place.start()

  const aside = readdirSync(berthd.place.root).filter((name) => name.includes('.damaged-'))
  assert.equal(aside.length, 1)
  const file = join(berthd.place.root, aside[0] as string)
  assert.deepEqual(readFileSync(file), garbage)
  assert.match(berthd.log(), /the database was damaged; it is set aside/)
  assert.ok((await place.check()).includes(file))
  const { info } = await client.runtime.status({ verbose: true })
  assert.ok(info.info?.includes(file))

  const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
  assert.equal(status?.state, PodSandboxState.SANDBOX_READY)
  assert.deepEqual(status?.labels, { app: 'kept' })
  assert.equal((await client.image.listImages({})).images.length, 1)
  await assertUnharmed(place)
  rmSync(file)
  assert.equal(await place.check(), '')
  await place.end()
})

test('a database that lost its last writes gets them back', options, async (t) => {
  const place = await stoppedBerthd(t)
  // The WAL was lost, and with it all that had been written since the last checkpoint.
  place.edit("DELETE FROM containers; DELETE FROM sandboxes; UPDATE facts SET value = 1 WHERE name = 'writes'")
  await place.start()
  assert.match(place.berthd.log(), /a record was not as it should be: restored/)
  assert.equal(await place.sandboxState(), PodSandboxState.SANDBOX_READY)
  await assertUnharmed(place)
  assert.equal(await place.check(), '')
  await place.end()
})

test('damaged records: listed, stoppable, removable, and kept', options, async (t) => {
  const place = await stoppedBerthd(t)
  const { pod, container } = place
  place.edit(`UPDATE sandboxes SET body = substr(body, 1, length(body) - 10);
    UPDATE containers SET body = substr(body, 1, 200), version = 9`)
  place.forgetCopies()
  await place.start()
  assert.equal(await place.sandboxState(), PodSandboxState.SANDBOX_NOTREADY)
  const found = await place.check()
  for (const id of [pod, container]) assert.ok(found.includes(id), found)
  // Its shim knows better than its record.
  await assertUnharmed(place)
  await place.end()
  const kept = place.rows('unreadable').map((body) => JSON.parse(body) as { readonly id: string })
  assert.deepEqual(new Set(kept.map(({ id }) => id)), new Set([pod, container]))
  assert.equal(await place.check(), '')
})

test('every record is lost: what is on the machine is found again', options, async (t) => {
  const place = await stoppedBerthd(t)
  const { berthd, client, database, pod, container } = place
  writeFileSync(database, 'x'.repeat(10_000))
  place.forgetCopies()
  await place.start()
  assert.equal(await place.sandboxState(), PodSandboxState.SANDBOX_NOTREADY)
  const { containers } = await client.runtime.listContainers({})
  assert.deepEqual(
    containers.map(({ id, podSandboxId }) => ({ id, podSandboxId })),
    [{ id: container, podSandboxId: pod }],
  )
  await assertUnharmed(place)
  await client.removeSandbox(pod)
  assert.deepEqual(addressesIn(berthd), [])
  for (const name of readdirSync(berthd.place.root)) {
    if (name.includes('.damaged-')) rmSync(join(berthd.place.root, name))
  }
  assert.equal(await place.check(), '')
})

test('the machine is restarted: nothing runs any more, and all can be removed', options, async (t) => {
  const place = await stoppedBerthd(t)
  const { berthd, client, container } = place
  const { folder, mark, state } = berthd.place
  await eventually('all processes are gone', () => {
    const pids = pidsOf(mark)
    spawnSync('kill', ['-9', ...pids.map(String)])
    return pids.length === 0 || undefined
  })
  const mounted = () => listMountPoints().filter((path) => path.startsWith(`${folder}/`))
  for (const path of mounted().toReversed()) unmount(path)
  assert.deepEqual(mounted(), [])
  rmSync(state, { recursive: true })
  removeShared(berthd.place)
  removeRules(berthd.place.bridge)
  place.edit("UPDATE facts SET value = 'an earlier boot' WHERE name = 'boot'")
  assert.equal(addressesIn(berthd).length, 1)

  await place.start()
  const status = await client.status(container)
  const { CONTAINER_EXITED } = ContainerState
  assert.deepEqual([status.state, status.exitCode, status.reason], [CONTAINER_EXITED, 255, 'Unknown'])
  assert.match(status.message, /restarted/)
  await eventually('the sandbox is not ready, and its address is free', async () => {
    const isReady = (await place.sandboxState()) === PodSandboxState.SANDBOX_READY
    return !isReady && addressesIn(berthd).length === 0 ? true : undefined
  })
  await client.removeSandbox(place.pod)
  assert.equal(await place.check(), '')
  // It is known now that the machine was restarted.
  await berthd.restart()
  assert.equal(berthd.log().split('the machine was restarted: no pod').length, 2)
})

/** A reboot takes the rules of the firewall along. */
function removeRules(network: string): void {
  const iptables = (rule: string) => spawnSync('sh', ['-c', `iptables -w -t nat ${rule}`])
  const saved = spawnSync('iptables-save', ['-t', 'nat'], { encoding: 'utf8' }).stdout.split('\n')
  const rules = saved.filter((line) => line.startsWith('-A') && line.includes(`"name: \\"${network}\\"`))
  for (const rule of rules) iptables(rule.replace('-A', '-D'))
  for (const [, chain] of rules.join('\n').matchAll(/-j (CNI-\w+)/g)) iptables(`-X ${chain}`)
}

/** The addresses that host-local has given away. */
function addressesIn(berthd: Berthd): string[] {
  const names = readdirSync(berthd.place.addresses, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => /\/\d+\.\d+\.\d+\.\d+$/.test(name))
}
