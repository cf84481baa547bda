import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'
import { Killer } from './killer.ts'
import { footprints } from './footprint.ts'
import { soak } from './workload.ts'

/**
 * Pods come and go in parallel, while berthd and its shims are killed at random. `npm run soak` runs it for longer; see there
 * for the settings.
 */
const setting = (name: string, otherwise: number) => Number(process.env[`BERTH_SOAK_${name}`] ?? otherwise)
const seconds = setting('SECONDS', 15)
const rate = setting('RATE', 3)
const maxPods = setting('PODS', Number.POSITIVE_INFINITY)
const killEvery = setting('KILL_EVERY', 3)
const marks = [20, 100, 250, 500, 750, 1000, 1500, 2000]

const timeout = Number.isFinite(maxPods) ? 6 * 3600_000 : seconds * 1000 + 200_000

test('pods come and go while daemons are killed', { timeout }, async (t) => {
  await using registry = { server: await DockerRegistry.start(), [Symbol.asyncDispose]: () => registry.server.stop() }
  await pushImage(registry.server.host, 'library/busybox', 'latest', busyboxImage())
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.server.host },
    config: { log_level: 'info' },
  })
  using client = new PodClient(berthd)
  await client.pull()
  const before = berthd.snapshot()
  t.diagnostic(`at the start: ${footprints(berthd)}`)
  const killer = new Killer(berthd, client, killEvery)
  const outcome = await soak(client, {
    until: Date.now() + seconds * 1000,
    maxPods,
    rate,
    onPod: (done) => {
      if (marks.includes(done)) t.diagnostic(`after ${done} pods: ${footprints(berthd)}`)
    },
  })
  await killer.end()
  t.diagnostic(`${outcome.pods} pods, ${outcome.retries} calls repeated, kills: ${JSON.stringify(killer.counts)}`)
  t.diagnostic(`at the end: ${footprints(berthd)}`)
  assert.deepEqual(outcome.violations, [])
  assert.ok(outcome.pods > 0)
  const { items } = await client.runtime.listPodSandbox({})
  const { containers } = await client.runtime.listContainers({})
  assert.deepEqual([items, containers], [[], []])
  await berthd.assertAsAt(before)
})
