import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ContainerState } from '../../src/gen/cri_pb.ts'
import { detectCgroups } from '../../src/linux/cgroup/cgroups.ts'
import { conformance } from '../harness/conformance.ts'
import { assertEndedWith } from '../harness/ended-with.ts'
import { eventually } from '../harness/eventually.ts'

/*
 * What berthd finds after it was away may not fit together. The kubelet stops a container whose state is UNKNOWN before it makes
 * another (kubelet-contract F4), so that has to work.
 */

test('containers of which nobody knows any more', { timeout: 120_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t)
  const machine = detectCgroups()
  const bundleOf = (id: string) => join(berthd.place.state, 'containers', id)
  /** A running container of whose bundle something goes wrong while berthd is away. */
  const afterLoss = async (spoil: (bundle: string) => void, onTerm = '') => {
    const pod = await client.runSandbox(client.sandboxConfig('lost'))
    const script = `trap '${onTerm}' TERM; echo ready; while :; do sleep 0.1; done`
    const container = await client.runContainer(pod, client.containerConfig('c', script))
    await client.logged(container, 'ready')
    const { info } = await client.runtime.containerStatus({ containerId: container, verbose: true })
    const { cgroup } = JSON.parse(info.info ?? '{}') as { cgroup: string }
    await berthd.stop()
    spoil(bundleOf(container))
    await berthd.start()
    client.reconnect()
    return { pod, container, cgroup }
  }
  // Neither a shim that has them open nor the files: nobody can read what it says any more.
  const withoutPipes = (bundle: string) => {
    for (const pid of berthd.shims()) process.kill(pid, 'SIGKILL')
    for (const name of readdirSync(bundle)) if (/^std(out|err)$/.test(name)) rmSync(join(bundle, name))
  }

  await part('one that cannot be taken up again is UNKNOWN: listed, stopped, removed', async () => {
    const { container, cgroup } = await afterLoss(withoutPipes)
    const status = await client.status(container)
    assert.equal(status.state, ContainerState.CONTAINER_UNKNOWN)
    assert.deepEqual([status.reason, status.exitCode], ['Unknown', 0])
    assert.match(status.message, /cannot be taken up again/)
    const filter = { state: { state: ContainerState.CONTAINER_UNKNOWN } }
    const { containers } = await client.runtime.listContainers({ filter })
    assert.deepEqual(
      containers.map(({ id }) => id),
      [container],
    )
    assert.ok(machine.pids(cgroup).length > 0)
    const cmd = ['true']
    await assert.rejects(client.runtime.execSync({ containerId: container, cmd }), { codeName: 'FAILED_PRECONDITION' })
    await client.runtime.stopContainer({ containerId: container, timeout: 1n })
    const stopped = await client.status(container)
    assert.equal(stopped.state, ContainerState.CONTAINER_EXITED)
    assert.ok(stopped.finishedAt >= stopped.startedAt && stopped.startedAt > 0n)
    assert.deepEqual(machine.pids(cgroup), [])
    await client.runtime.removeContainer({ containerId: container })
    assert.deepEqual((await client.runtime.listContainers({})).containers, [])
  })

  await part('one that is UNKNOWN can be removed as it is, and goes with its pod', async () => {
    const { container, cgroup, pod } = await afterLoss(withoutPipes)
    assert.equal((await client.status(container)).state, ContainerState.CONTAINER_UNKNOWN)
    await client.runtime.removeContainer({ containerId: container })
    assert.ok(!machine.exists(cgroup))
    await client.removeSandbox(pod)
    const other = await afterLoss(withoutPipes)
    await client.removeSandbox(other.pod)
    assert.ok(!machine.exists(other.cgroup))
  })

  await part('one that is UNKNOWN and whose end takes a while is stopped when it has ended', async () => {
    const { container, cgroup } = await afterLoss(withoutPipes)
    const [first = 0] = machine.pids(cgroup)
    // The first process of a PID namespace cannot end before somebody has taken notice of the end of all others there.
    const visitor = spawn('nsenter', ['-t', String(first), '-p', 'sh', '-c', 'echo in; exec sleep 3600'])
    try {
      await once(visitor.stdout, 'data')
      visitor.kill('SIGSTOP')
      const stopping = client.runtime.stopContainer({ containerId: container }).then(() => 'stopped')
      await eventually('its processes are killed', () => machine.pids(cgroup).length === 0 || undefined)
      assert.equal(await Promise.race([stopping, delay(300, 'it has not ended yet')]), 'it has not ended yet')
      visitor.kill('SIGCONT')
      await stopping
    } finally {
      visitor.kill('SIGKILL')
    }
    assert.equal((await client.status(container)).exitCode, 137)
    await client.runtime.removeContainer({ containerId: container })
  })

  await part('one that is UNKNOWN and ends at its stop signal is not waited for any longer', async () => {
    const { container, cgroup } = await afterLoss(withoutPipes, 'exit 7')
    assert.equal((await client.status(container)).state, ContainerState.CONTAINER_UNKNOWN)
    await client.runtime.stopContainer({ containerId: container, timeout: 100n })
    assertEndedWith(7, await client.status(container))
    assert.deepEqual(machine.pids(cgroup), [])
    await client.runtime.removeContainer({ containerId: container })
  })

  await part('one whose exit record is damaged runs on', async () => {
    const { container } = await afterLoss((bundle) => writeFileSync(join(bundle, 'exit.json'), '{"exitCo'))
    assert.equal((await client.status(container)).state, ContainerState.CONTAINER_RUNNING)
    await client.runtime.stopContainer({ containerId: container, timeout: 1n })
    assert.equal((await client.status(container)).exitCode, 137)
  })

  await part('one whose OCI runtime has forgotten it runs on, stops and is removed', async () => {
    const { container, cgroup } = await afterLoss((bundle) =>
      rmSync(join(bundle, '../../oci/runc', bundle.split('/').at(-1) ?? ''), { recursive: true }),
    )
    assert.equal((await client.status(container)).state, ContainerState.CONTAINER_RUNNING)
    await client.runtime.stopContainer({ containerId: container, timeout: 1n })
    await client.runtime.removeContainer({ containerId: container })
    assert.ok(!machine.exists(cgroup))
  })
})
