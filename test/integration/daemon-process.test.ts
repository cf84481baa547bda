import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { probeHostFacts } from '../../src/oci/host-facts.ts'
import { Berthd } from '../harness/berthd.ts'
import { pidsOf } from '../harness/machine-state.ts'
import { PodClient, testImage } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8)
const score = (pid: number) => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()

test('sockets that nobody else can connect to, and who is killed last', { timeout: 60_000 }, async (t) => {
  const registry = await DockerRegistry.start()
  t.after(() => registry.stop())
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
  // berthd inherits it.
  const mask = process.umask(0)
  t.after(() => process.umask(mask))
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull(testImage)

  assert.equal(mode(berthd.place.socket), '660')
  assert.equal(mode(berthd.place.adminSocket), '600')

  // Without the capability all stay as they are.
  const may = probeHostFacts().mayLowerOomScore
  const own = Number(score(process.pid))
  const pod = await client.runSandbox(client.sandboxConfig('scores'))
  const wanted = String(may ? 0 : Math.max(0, own))
  const container = await client.runContainer(
    pod,
    client.containerConfig('c', 'cat /proc/self/oom_score_adj; sleep 1000'),
  )
  await client.logged(container, wanted)
  const { stdout } = await client.runtime.execSync({ containerId: container, cmd: ['cat', '/proc/self/oom_score_adj'] })
  assert.equal(Buffer.from(stdout).toString().trim(), wanted)
  const shim = pidsOf(berthd.place.mark).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('shim/main'),
  )
  assert.deepEqual([score(berthd.pid), score(shim as number)], may ? ['-999', '-998'] : [String(own), String(own)])
  await client.removeSandbox(pod)
})
