import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ContainerState, NamespaceMode, PodSandboxState } from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** berthd and its shim are killed as a crash kills them, and no container notices. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const timeout = 60_000
const counter = 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done'

/** Every number from 0 on, once and in order. */
function assertCounts(lines: readonly string[]): void {
  assert.deepEqual(
    lines,
    lines.map((_, index) => String(index)),
  )
}

test('berthd is killed while a container counts', { timeout }, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('counting'))
  const container = await client.runContainer(pod, client.containerConfig('counter', counter))
  await client.logged(container, '10')
  const before = await client.status(container)

  await berthd.kill9()
  const { logPath } = before
  const written = readFileSync(logPath).length
  await eventually('the log grows without berthd', () => readFileSync(logPath).length > written + 1000 || undefined)
  await berthd.start()
  client.reconnect()

  assert.deepEqual(await client.status(container), before)
  const { containers } = await client.runtime.listContainers({})
  assert.deepEqual(
    containers.map(({ id, state }) => ({ id, state })),
    [{ id: container, state: ContainerState.CONTAINER_RUNNING }],
  )
  const { items } = await client.runtime.listPodSandbox({})
  assert.deepEqual(
    items.map(({ id, state }) => ({ id, state })),
    [{ id: pod, state: PodSandboxState.SANDBOX_READY }],
  )
  const { stdout, exitCode } = await client.runtime.execSync({ containerId: container, cmd: ['echo', 'here'] })
  assert.deepEqual([Buffer.from(stdout).toString(), exitCode], ['here\n', 0])

  await client.runtime.stopContainer({ containerId: container, timeout: 0n })
  const ended = await client.status(container)
  assert.deepEqual([ended.state, ended.exitCode], [ContainerState.CONTAINER_EXITED, 137])
  const lines = await client.logLines(container)
  assert.ok(lines.length > 20)
  assertCounts(lines)
  await client.removeSandbox(pod)
})

test('a container ends while berthd is away', { timeout }, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('ending'))
  const file = join(berthd.place.folder, 'go')
  const mounts = [{ containerPath: '/test', hostPath: berthd.place.folder }]
  const wait = 'echo waiting; while ! [ -e /test/go ]; do sleep 0.01; done; '
  const failing = await client.runContainer(
    pod,
    client.containerConfig('failing', `${wait}echo last; exit 7`, { mounts }),
  )
  const killed = await client.runContainer(
    pod,
    client.containerConfig('killed', `${wait}kill -USR1 $$; sleep 1000`, { mounts }),
  )
  for (const container of [failing, killed]) await client.logged(container, 'waiting')
  const { logPath } = await client.status(failing)

  await berthd.kill9()
  writeFileSync(file, '')
  await eventually('it has ended', () => readFileSync(logPath, 'utf8').includes('last') || undefined)
  await berthd.start()
  client.reconnect()

  const status = await client.exited(failing)
  assert.deepEqual([status.exitCode, status.reason], [7, 'Error'])
  assert.ok(status.finishedAt >= status.startedAt)
  // Pid 1 of its namespace has no handler for it: the signal is not delivered, and the container goes on.
  assert.equal((await client.status(killed)).state, ContainerState.CONTAINER_RUNNING)
  await client.removeSandbox(pod)
})

test('a shim is killed while its containers run', { timeout }, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('orphaned'))
  const container = await client.runContainer(pod, client.containerConfig('counter', `trap 'exit 5' TERM; ${counter}`))
  await client.logged(container, '10')

  const shim = /"shimPid":(\d+)/.exec(berthd.log())?.[1] ?? assert.fail('no shim was started')
  process.kill(Number(shim), 'SIGKILL')
  await eventually('a new shim reads the pipes', () => /took over .*container/.test(berthd.log()) || undefined)
  const count = (await client.logLines(container)).length
  await client.logged(container, String(count + 50))
  const { exitCode } = await client.runtime.execSync({ containerId: container, cmd: ['true'] })
  assert.equal(exitCode, 0)

  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 5)
  assertCounts(await client.logLines(container))
  await client.removeSandbox(pod)
})

test('berthd is killed in the middle of RunPodSandbox', { timeout }, async (t) => {
  const plugins = mkdtempSync(join(tmpdir(), 'berth-plugins-'))
  t.after(() => rmSync(plugins, { recursive: true }))
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { cni: { bin_dirs: [plugins, '/opt/cni/bin', '/usr/lib/cni'] } },
  })
  // The bridge plugin, with a place where it waits after it has done its work.
  const bridge = ['/opt/cni/bin/bridge', '/usr/lib/cni/bridge'].find(existsSync) ?? assert.fail('no bridge plugin')
  const hang = join(plugins, 'hang')
  writeFileSync(hang, '')
  const wrapper = `#!/bin/sh
result=$(${bridge}) || { code=$?; echo "$result"; exit $code; }
if [ "$CNI_COMMAND" = ADD ]; then touch ${plugins}/added; while [ -e ${hang} ]; do sleep 0.02; done; fi
echo "$result"
`
  writeFileSync(join(plugins, 'bridge'), wrapper, { mode: 0o755 })
  using client = new PodClient(berthd)
  const before = berthd.snapshot()
  const config = client.sandboxConfig('halfway')

  const lost = assert.rejects(client.runSandbox(config), { codeName: 'UNAVAILABLE' })
  await eventually('the plugin has made the interface', () => existsSync(join(plugins, 'added')) || undefined)
  await berthd.kill9()
  await lost
  rmSync(hang)
  await berthd.start()
  client.reconnect()

  assert.deepEqual((await client.runtime.listPodSandbox({})).items, [])
  await berthd.assertAsAt(before)
  const pod = await client.runSandbox(config)
  await client.removeSandbox(pod)
  await berthd.assertAsAt(before)
})

test('a pod with the host’s namespaces alone is not ready after a reboot', { timeout }, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  const { NODE } = NamespaceMode
  const linux = { securityContext: { namespaceOptions: { network: NODE, ipc: NODE, pid: NamespaceMode.CONTAINER } } }
  const pod = await client.runSandbox(client.sandboxConfig('of-the-host', { hostname: '', linux }))
  await berthd.stop()
  // What a reboot does to /run.
  rmSync(join(berthd.place.state, 'sandboxes'), { recursive: true })
  await berthd.start()
  client.reconnect()
  await eventually('it is not ready', async () => {
    const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
    return status?.state === PodSandboxState.SANDBOX_NOTREADY || undefined
  })
  await client.removeSandbox(pod)
})
