import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ContainerState, NamespaceMode } from '../../src/gen/cri_pb.ts'
import { readProcessStat } from '../../src/linux/process-stat.ts'
import { conformance } from '../harness/conformance.ts'
import { eventually } from '../harness/eventually.ts'

/** What a stop leaves: nothing. And what a log loses when it is rotated under load: nothing. */

/** Forks, forks twice, leaves its session, ignores what can be ignored, and writes all the while. */
const stubborn = `
trap '' TERM INT HUP QUIT USR1
(trap '' TERM; while :; do sleep 0.1; done) &
(setsid sh -c "trap '' TERM HUP; (while :; do sleep 0.1; done) & while :; do sleep 0.1; done" &)
(sh -c "trap '' TERM; sleep 1000 & sleep 1001 & wait" >/dev/null 2>&1 </dev/null &)
echo ready
while :; do echo alive; sleep 0.1; done`

test('a stop takes all of a container with it', { timeout: 240_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t)
  const linux = (pid: NamespaceMode) => ({ linux: { securityContext: { namespaceOptions: { pid } } } })
  const pidsIn = (container: string) => {
    const { cgroupParent } = berthd.place
    const folder = ['memory', 'pids', '']
      .map((name) => join('/sys/fs/cgroup', name, cgroupParent, container))
      .find(existsSync)
    return folder ? readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number) : []
  }
  const begin = async (pod: string, name: string, pid: NamespaceMode) => {
    const container = await client.runContainer(pod, client.containerConfig(name, stubborn, linux(pid)))
    await client.logged(container, 'ready')
    const pids = await eventually('all of it runs', () => {
      const found = pidsIn(container)
      return found.length >= 7 ? found : undefined
    })
    return { container, pids }
  }
  const assertGone = (pids: readonly number[], container: string) => {
    for (const pid of pids) {
      // The pid may mean another process by now, or one that only waits for its parent to take notice of its end.
      const isDead = readProcessStat(pid)?.zombie ?? true
      const cgroup = isDead ? '' : readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      assert.ok(!cgroup.includes(container), `process ${pid} is still there`)
    }
  }

  for (const [name, mode] of [
    ['its own', NamespaceMode.CONTAINER],
    ['the shared', NamespaceMode.POD],
    ['the host’s', NamespaceMode.NODE],
  ] as const) {
    await part(`a stubborn family in ${name} PID namespace`, async () => {
      const pod = await client.runSandbox(client.sandboxConfig('family', linux(mode)))
      const first = await begin(pod, 'first', mode)
      const second = await begin(pod, 'second', mode)
      await client.runtime.stopContainer({ containerId: first.container, timeout: 1n })
      const status = await client.status(first.container)
      assert.deepEqual([status.state, status.exitCode], [ContainerState.CONTAINER_EXITED, 137])
      await eventually('the cgroup is empty', () => pidsIn(first.container).length === 0 || undefined)
      assertGone(first.pids, first.container)
      // The other container of the pod has not noticed.
      assert.ok(pidsIn(second.container).length >= 7)
      await client.runtime.stopPodSandbox({ podSandboxId: pod })
      assertGone(second.pids, second.container)
      assert.equal((await client.status(second.container)).state, ContainerState.CONTAINER_EXITED)
    })

    await part(`a main process that ends leaves nobody behind in ${name} PID namespace`, async () => {
      const pod = await client.runSandbox(client.sandboxConfig('leaver', linux(mode)))
      const script = `(setsid sh -c "trap '' TERM HUP; echo up; while :; do sleep 0.1; done" &); sleep 0.3; exit 5`
      const container = await client.runContainer(pod, client.containerConfig('c', script, linux(mode)))
      const status = await client.exited(container)
      assert.deepEqual([status.exitCode, status.reason], [5, 'Error'])
      await eventually('nobody is left', () => pidsIn(container).length === 0 || undefined)
    })
  }

  await part('processes that hold the output open do not hold up the end', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('holder', linux(NamespaceMode.NODE)))
    const config = client.containerConfig('c', 'sleep 1000 & echo last; exit 0', linux(NamespaceMode.NODE))
    const container = await client.runContainer(pod, config)
    // Waits for seconds, and not as long as they would hold it.
    assert.equal((await client.exited(container)).exitCode, 0)
    assert.deepEqual(await client.logLines(container), ['last'])
  })
})

test('a log is rotated under load', { timeout: 120_000 }, async (t) => {
  const { client, part } = await conformance(t)
  await part('no line is lost, doubled or torn', async () => {
    const config = client.sandboxConfig('rotation')
    const pod = await client.runSandbox(config)
    const script = 'i=0; while [ $i -lt 200000 ]; do echo "line $i"; i=$((i+1)); done; echo done'
    const container = await client.runContainer(pod, client.containerConfig('c', script))
    const { logPath } = await client.status(container)
    let rotations = 0
    for (let running = true; running; rotations++) {
      const rotated = `${logPath}.${String(rotations).padStart(4, '0')}`
      renameSync(logPath, rotated)
      try {
        await client.runtime.reopenContainerLog({ containerId: container })
      } catch {
        // It ended: no new file was made.
        assert.equal((await client.status(container)).state, ContainerState.CONTAINER_EXITED)
        assert.equal(existsSync(logPath), false)
        running = false
      }
      await sleep(5)
    }
    assert.ok(rotations > 5, `only ${rotations} rotations`)
    const files = readdirSync(config.logDirectory).sort()
    const lines = files.flatMap((name) => {
      const text = readFileSync(join(config.logDirectory, name), 'utf8')
      assert.ok(text === '' || text.endsWith('\n'), `${name} ends within a line`)
      return text.split('\n').slice(0, -1)
    })
    assert.ok(lines.every((line) => /^\S+Z stdout F (line \d+|done)$/.test(line)))
    const numbers = lines.map((line) => line.split(' ').at(-1))
    assert.deepEqual(numbers, [...Array.from({ length: 200_000 }, (_, index) => String(index)), 'done'])
  })

  await part(
    'a log file that has vanished is made again; a container that does not run has no log to reopen',
    async () => {
      const pod = await client.runSandbox(client.sandboxConfig('vanished'))
      const container = await client.createContainer(
        pod,
        client.containerConfig('c', 'while :; do echo x; sleep 0.02; done'),
      )
      const reopen = () => client.runtime.reopenContainerLog({ containerId: container })
      await assert.rejects(reopen(), { codeName: 'FAILED_PRECONDITION' })
      await client.runtime.startContainer({ containerId: container })
      const { logPath } = await client.status(container)
      renameSync(logPath, `${logPath}.1`)
      await reopen()
      await eventually('the new log grows', () => readFileSync(logPath, 'utf8').includes('F x') || undefined)
      await client.runtime.stopContainer({ containerId: container, timeout: 0n })
      await assert.rejects(reopen(), { codeName: 'FAILED_PRECONDITION' })
      await assert.rejects(client.runtime.reopenContainerLog({ containerId: '0'.repeat(64) }), {
        codeName: 'NOT_FOUND',
      })
    },
  )
})
