import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { PodSandboxState } from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { MisbehavingProgram, misbehaviours } from '../harness/misbehaving-program.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/**
 * A CNI plugin that fails, hangs, crashes or talks nonsense at each of the verbs that Berth calls: RunPodSandbox is undone, a stop
 * succeeds all the same, other pods notice nothing, and nothing is left behind.
 */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 120_000 }
const script = 'echo ready; exec sleep 1000'

/** The real one is of CNI 1.0, which has no STATUS. What a garbled DEL says is nonsense, what it does is not. */
const run = `
  [ "$verb" = STATUS ] && exit 0
  sed 's/"cniVersion":"1.1.0"/"cniVersion":"1.0.0"/' | "$real" "$@"`

/** A berthd whose plugin `bridge` is such a one. */
async function misbehavingPlugin(t: TestContext) {
  const plugins = ['/opt/cni/bin', '/usr/lib/cni'].find((folder) => existsSync(join(folder, 'bridge'))) ?? assert.fail()
  const plugin = new MisbehavingProgram(join(plugins, 'bridge'), 'verb=$CNI_COMMAND', run)
  t.after(() => plugin[Symbol.dispose]())
  for (const name of ['host-local', 'portmap']) symlinkSync(join(plugins, name), join(plugin.binFolder, name))
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { cni: { bin_dirs: [plugin.binFolder], plugin_timeout_ms: 2_000 } },
  })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const empty = berthd.snapshot()
  return {
    plugin,
    berthd,
    client,
    async runningPod(name: string) {
      const pod = await client.runSandbox(client.sandboxConfig(name))
      const container = await client.runContainer(pod, client.containerConfig('c', script))
      await client.logged(container, 'ready')
      return { pod, container }
    },
    async assertStopped(pod: string, container: string): Promise<void> {
      assert.equal((await client.status(container)).exitCode, 137)
      const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
      assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY)
    },
    /** A pod from its beginning to its end, while the plugin hangs elsewhere. */
    async otherPod(): Promise<void> {
      const pod = await client.runSandbox(client.sandboxConfig('other'))
      await client.logged(await client.runContainer(pod, client.containerConfig('c', script)), 'ready')
      await client.removeSandbox(pod)
    },
    assertEmpty: () => berthd.assertAsAt(empty),
  }
}

test('ADD: RunPodSandbox is undone, and succeeds when it is asked for again', options, async (t) => {
  const { plugin, client, otherPod, assertEmpty } = await misbehavingPlugin(t)
  for (const how of misbehaviours) {
    plugin.order('ADD', how)
    const outcome = client.runSandbox(client.sandboxConfig(how)).catch((error: unknown) => error)
    if (how === 'hang') {
      await plugin.hangs()
      await otherPod()
    }
    const error = await outcome
    await plugin.done('ADD')
    assert.ok(error instanceof Error, `${how}: the pod runs`)
    assert.match(error.message, /CNI plugin "bridge"/)
    if (how === 'hang') assert.match(error.message, /did not end within 2 s and was killed/)
    assert.deepEqual((await client.runtime.listPodSandbox({})).items, [])
    await assertEmpty()
    const pod = await client.runSandbox(client.sandboxConfig(how))
    await client.removeSandbox(pod)
    await assertEmpty()
  }
})

test('DEL: the stop succeeds, and the address is released as soon as the plugin lets it', options, async (t) => {
  const { plugin, client, runningPod, otherPod, assertStopped, assertEmpty } = await misbehavingPlugin(t)
  // A plugin that says by its exit code that it has done its work is believed: the specification knows no answer to DEL.
  for (const how of misbehaviours.filter((each) => each !== 'garbage')) {
    const { pod, container } = await runningPod(how)
    plugin.order('DEL', how)
    const stopped = client.runtime.stopPodSandbox({ podSandboxId: pod })
    if (how === 'hang') {
      await plugin.hangs()
      await otherPod()
    }
    await stopped
    await plugin.done('DEL')
    await assertStopped(pod, container)
    await client.removeSandbox(pod)
    await assertEmpty()
  }
})

test(
  'DEL that fails for long: the pod is removed, its address stays taken, and is released at last',
  options,
  async (t) => {
    const { plugin, berthd, client, runningPod, assertStopped, assertEmpty } = await misbehavingPlugin(t)
    const addresses = () => {
      const names = readdirSync(berthd.place.addresses, { recursive: true, encoding: 'utf8' })
      return names.filter((name) => /\/10\.[\d.]+$/.test(name))
    }
    const told = async (...args: string[]) => (await tryBerth(berthd.endpoint, args)).stdout
    const { pod, container } = await runningPod('early')
    const taken = addresses()
    assert.equal(taken.length, 1)
    plugin.takeAway()
    await client.runtime.stopPodSandbox({ podSandboxId: pod })
    await client.runtime.stopPodSandbox({ podSandboxId: pod })
    await assertStopped(pod, container)
    assert.match(await told('check'), /network +\w+ +was stopped, and is not released .*"bridge".* is not installed/)
    assert.match(await told('why', pod), /why +network \(CNI\): its CNI plugins have not given back/)

    await client.removeSandbox(pod)
    assert.match(
      await told('check'),
      /network +\w+ +is attached to network .*"bridge".* is not installed.*has no record/,
    )
    await berthd.kill9()
    await berthd.start()
    client.reconnect()
    assert.match(await told('gc'), /network +\w+ .*failed: CNI plugin "bridge"/)
    assert.deepEqual(addresses(), taken)

    plugin.bringBack()
    assert.match(await told('gc'), /network +\w+ .*swept/)
    assert.deepEqual(addresses(), [])
    await assertEmpty()
  },
)

test('STATUS: the network is not ready, Status answers at once, and pods run', options, async (t) => {
  const { plugin, berthd, client, otherPod, assertEmpty } = await misbehavingPlugin(t)
  const file = join(berthd.place.cniFolder, readdirSync(berthd.place.cniFolder)[0] ?? assert.fail())
  const { plugins, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as { readonly plugins: readonly unknown[] }
  // The real portmap knows no CNI 1.1 either.
  const list = JSON.stringify({ ...rest, cniVersion: '1.1.0', plugins: plugins.slice(0, 1) })
  const network = async () => {
    const { status } = await client.runtime.status({})
    return status?.conditions.find(({ type }) => type === 'NetworkReady')
  }
  for (const how of misbehaviours) {
    plugin.order('STATUS', how)
    // A configuration that has changed is asked about at once.
    writeFileSync(file, `${list}\n${' '.repeat(misbehaviours.indexOf(how))}`)
    await plugin.done('STATUS')
    if (how === 'hang') {
      await plugin.hangs()
      await otherPod()
    }
    // It is not for a plugin to say anything on its stdout here: what it says by its exit code counts.
    if (how !== 'garbage')
      await eventually('it is not ready', async () => (await network())?.status === false || undefined)
    await eventually('it is ready', async () => (await network())?.status || undefined)
    await otherPod()
    await assertEmpty()
  }
})
