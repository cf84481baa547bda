import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { RemoteSession } from '../harness/remote-session.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** A shim stops answering, or dies; another takes over its containers. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 90_000 }

/** The shims that berthd has started, the latest last. */
const shimsOf = (berthd: Berthd) =>
  [...berthd.log().matchAll(/"shimPid":(\d+),"msg":"started/g)].map(([, pid]) => Number(pid))

/** Types a line at the container's terminal. */
async function type(client: PodClient, containerId: string, line: string): Promise<void> {
  const request = { containerId, tty: true, stdin: true, stdout: true, stderr: false }
  const session = await RemoteSession.open((await client.runtime.attach(request)).url)
  await session.send(`${line}\n`)
  await eventually('the terminal echoes it', () => session.closed || session.stdout.includes(line) || undefined)
  session.drop()
}

test('a shim that does not answer any more is killed and replaced', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('mute'))
  const script = 'echo ready; trap "exit 5" TERM; while :; do sleep 0.05; done'
  const container = await client.runContainer(pod, client.containerConfig('c', script))
  await client.logged(container, 'ready')
  process.kill(shimsOf(berthd)[0] ?? assert.fail('no shim'), 'SIGSTOP')
  await eventually('another shim has it', () => /took over/.test(berthd.log()) || undefined, 30_000)
  assert.match(berthd.log(), /does not answer; it is killed/)
  const { exitCode } = await client.runtime.execSync({ containerId: container, cmd: ['true'], timeout: 10n })
  assert.equal(exitCode, 0)
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 5)
  await client.removeSandbox(pod)
})

test('the shim is killed, also together with berthd: a terminal does not hang up', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('terminal'))
  const script = 'tty; while read -r line; do echo "got $line"; [ "$line" = bye ] && exit 6; done; exit 7'
  const config = client.containerConfig('c', script, { tty: true, stdin: true })
  const container = await client.runContainer(pod, config)
  const lines = async () => (await client.logLines(container)).map((line) => line.trimEnd())
  const logged = (text: string) =>
    eventually(`"${text}" in the log`, async () => (await lines()).includes(text) || undefined)
  await logged('/dev/pts/0')
  // With a berthd that has learnt of the terminal from the shim's start, with one that has from its list, and with one that
  // finds nothing but the keeper.
  for (const [round, what] of ['shim', 'restart', 'both'].entries()) {
    if (what === 'restart') {
      await berthd.restart()
      client.reconnect()
    }
    const shim = shimsOf(berthd).at(-1) ?? assert.fail('no shim')
    process.kill(shim, 'SIGKILL')
    if (what === 'both') {
      await berthd.kill9()
      await berthd.start()
      client.reconnect()
    }
    await eventually('another shim has it', () => shimsOf(berthd).at(-1) !== shim || undefined)
    await eventually('it is taken over', () => berthd.log().split('took over').length > round + 1 || undefined)
    await type(client, container, `round ${round}`)
    await logged(`got round ${round}`)
  }
  await type(client, container, 'bye')
  // It said goodbye, so nothing hung up. The code may be lost: a berthd that was started later is not its process's parent.
  assert.ok([6, 255].includes((await client.exited(container)).exitCode))
  assert.ok((await lines()).includes('got bye'))
  await client.removeSandbox(pod)
})
