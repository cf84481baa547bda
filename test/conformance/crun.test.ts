import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NamespaceMode } from '../../src/gen/cri_pb.ts'
import { findProgram } from '../../src/linux/find-program.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'

/** Another crun than the one on PATH. */
const crun = process.env.BERTH_TESTS_CRUN ?? findProgram('crun')

/** crun does not work where a version 2 hierarchy is mounted beside those of version 1; to berthd and crun, here it is not. */
const withoutHybrid = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c']
const script = 'if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec "$@"'

test('crun', { timeout: 120_000 }, async (t) => {
  if (crun === undefined) return t.skip('crun is not installed (BERTH_TESTS_CRUN names one)')
  const { client, part } = await conformance(t, {
    config: { runtime: { crun: { path: crun } } },
    launcher: [...withoutHybrid, script, 'sh'],
  })
  const run = async (name: string, change: object = {}) => {
    const config = client.sandboxConfig(name, change)
    return (await client.runtime.runPodSandbox({ config, runtimeHandler: 'crun' })).podSandboxId
  }

  await part('runs, answers commands, logs and stops', async () => {
    const pod = await run('crun')
    const said = "trap 'echo bye; exit 3' TERM; echo out; echo err >&2; while :; do sleep 0.1; done"
    const resources = { memoryLimitInBytes: 64n << 20n, cpuShares: 512n }
    const securityContext = { namespaceOptions: { pid: NamespaceMode.CONTAINER } }
    const linux = { resources, securityContext }
    const container = await client.runContainer(pod, client.containerConfig('c', said, { linux }))
    await client.logged(container, 'err')
    const cmd = ['sh', '-c', 'cat /proc/1/comm; exit 4']
    const { stdout, exitCode } = await client.runtime.execSync({ containerId: container, cmd })
    assert.deepEqual([exitCode, Buffer.from(stdout).toString()], [4, 'sh\n'])
    const { stats } = await client.runtime.containerStats({ containerId: container })
    assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n)
    const more = { memoryLimitInBytes: 128n << 20n }
    await client.runtime.updateContainerResources({ containerId: container, linux: more })
    assert.equal((await client.status(container)).resources?.linux?.memoryLimitInBytes, 128n << 20n)
    await client.runtime.stopContainer({ containerId: container, timeout: 10n })
    const ended = await client.status(container)
    assert.deepEqual([ended.exitCode, ended.reason], [3, 'Error'])
    assert.deepEqual((await client.logLines(container)).sort(), ['bye', 'err', 'out'])
  })

  await part('a container that leaves processes behind and ignores its stop is killed, all of it', async () => {
    const pod = await run('stubborn')
    const stubborn = "trap '' TERM; (setsid sleep 1000 &); echo up; while :; do sleep 1; done"
    const container = await client.runContainer(pod, client.containerConfig('c', stubborn))
    await client.logged(container, 'up')
    await client.runtime.stopContainer({ containerId: container, timeout: 1n })
    assert.equal((await client.status(container)).exitCode, 137)
  })

  await part('a shared PID namespace, a terminal, and an OOM kill', async () => {
    const shared = { linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.POD } } } }
    const pod = await run('shared', shared)
    const tty = client.containerConfig('tty', 'cat /proc/1/comm; test -t 1 && echo terminal', { ...shared, tty: true })
    const container = await client.runContainer(pod, tty)
    await client.exited(container)
    assert.deepEqual(
      (await client.logLines(container)).map((line) => line.trim()),
      ['pause', 'terminal'],
    )
    const limits = { linux: { ...shared.linux, resources: { memoryLimitInBytes: 16n << 20n } } }
    const hungry = await client.runContainer(pod, client.containerConfig('oom', 'exec tail /dev/zero', limits))
    const { reason } = await client.exited(hungry)
    assert.equal(reason, 'OOMKilled')
  })

  await part('a program that the image lacks is told as what it is', async () => {
    const pod = await run('missing')
    const config = { ...client.containerConfig('c', ''), command: ['/no/such/program'] }
    const container = await client.createContainer(pod, config)
    await assert.rejects(client.runtime.startContainer({ containerId: container }), {
      codeName: 'INVALID_ARGUMENT',
      message: /no such program: check the container's command/,
    })
    const status = await eventually('it has ended', async () => {
      const now = await client.status(container)
      return now.finishedAt > 0n ? now : undefined
    })
    assert.deepEqual([status.reason, status.exitCode], ['StartError', 128])
  })
})
