import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NamespaceMode } from '../../src/gen/cri_pb.ts'
import { detectCgroups } from '../../src/linux/cgroup/cgroups.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'

/** How many containers are killed for each kind of victim. */
const rounds = Number(process.env.BERTH_TESTS_OOM_KILLS ?? 10)

const limited = {
  linux: {
    securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } },
    resources: { memoryLimitInBytes: 16n << 20n },
  },
}
/** Keeps what it reads until the end, which does not come. */
const eat = 'tail /dev/zero'

test('OOMKilled is what the kernel killed, always and only', { timeout: 180_000 + rounds * 4_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t)
  const machine = detectCgroups()
  const run = async (pod: string, script: string, name = 'c') => {
    return client.runContainer(pod, client.containerConfig(name, script, limited))
  }
  const endOf = async (id: string) => {
    const { reason, exitCode } = await client.exited(id)
    return `${reason} ${exitCode}`
  }
  const facts = async (containerId: string) => {
    const { info } = await client.runtime.containerStatus({ containerId, verbose: true })
    return JSON.parse(info.info ?? '{}') as { pid: number; cgroup: string }
  }

  for (const [victim, script] of [
    ['itself', `exec ${eat}`],
    ['its child, whose code it passes on', `${eat}; exit $?`],
  ]) {
    const killAll = async () => {
      const pod = await client.runSandbox(client.sandboxConfig('oom'))
      const ends: string[] = []
      for (let round = 0; round < rounds; round++) {
        const container = await run(pod, script ?? '', `c${round}`)
        ends.push(await endOf(container))
        await client.runtime.removeContainer({ containerId: container })
      }
      assert.deepEqual(
        ends,
        Array.from({ length: rounds }, () => 'OOMKilled 137'),
      )
    }
    await part(`${rounds} of ${rounds} containers whose victim is ${victim}`, killAll, 30_000 + rounds * 2_000)
  }

  /** A container that has lost a child to the OOM killer, and lives on. */
  const survivor = async (pod: string) => {
    const container = await run(pod, `${eat}; echo lost $?; sleep 1000`)
    await client.logged(container, 'lost 137')
    const { cgroup } = await facts(container)
    assert.ok(machine.oomKills(cgroup) > 0)
    return container
  }

  await part('not one that lost a child to it before it was stopped, with SIGKILL in the end', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('stopped'))
    const container = await survivor(pod)
    await client.runtime.stopContainer({ containerId: container, timeout: 1n })
    assert.equal(await endOf(container), 'Error 137')
  })

  await part('nor does a berthd that was away change that', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('restarted'))
    const container = await survivor(pod)
    await berthd.kill9()
    await berthd.start()
    client.reconnect()
    await client.runtime.stopContainer({ containerId: container, timeout: 0n })
    assert.equal(await endOf(container), 'Error 137')
  })

  await part('nor one that lost a child to it before somebody on the host killed it', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('killed'))
    const container = await survivor(pod)
    process.kill((await facts(container)).pid, 'SIGKILL')
    assert.equal(await endOf(container), 'Error 137')
  })

  await part('nor one that lost a child to it and then ended by itself', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('ended'))
    assert.equal(await endOf(await run(pod, `${eat}; exit 0`, 'well')), 'Completed 0')
    assert.equal(await endOf(await run(pod, `${eat}; exit 3`, 'badly')), 'Error 3')
  })

  await part('nor one that never came near its limit', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('spared'))
    const container = await run(pod, 'echo up; sleep 1000')
    await client.logged(container, 'up')
    await client.runtime.stopContainer({ containerId: container, timeout: 0n })
    assert.equal(await endOf(container), 'Error 137')
  })

  await part('but one that was killed before it was stopped', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('both'))
    const container = await run(pod, `exec ${eat}`)
    const { cgroup } = await facts(container)
    // The news of its end may still be on their way, or not.
    await eventually('it is killed', () => machine.oomKills(cgroup) > 0 || !machine.exists(cgroup) || undefined)
    await client.runtime.stopContainer({ containerId: container, timeout: 0n })
    assert.equal(await endOf(container), 'OOMKilled 137')
  })
})
