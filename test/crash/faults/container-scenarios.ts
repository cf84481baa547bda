import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CriError } from '../../../src/client/index.ts'
import { ContainerState } from '../../../src/gen/cri_pb.ts'
import { eventually } from '../../harness/eventually.ts'
import { RemoteSession } from '../../harness/remote-session.ts'
import type { CrashWorld } from './crash-world.ts'
import type { Scenario } from './scenario.ts'

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState

/** What a container whose process ended with `code` may say: where nobody could see it, that nobody could. */
async function assertExited({ client }: CrashWorld, containerId: string, code: number): Promise<void> {
  const { state, exitCode, reason } = await client.status(containerId)
  assert.equal(state, CONTAINER_EXITED)
  assert.ok([`${code} Error`, '255 Unknown'].includes(`${exitCode} ${reason}`), `${exitCode} ${reason}`)
}

/** For a call that is made again when a shim has died under it. */
function unavailableIsNothing(error: unknown): undefined {
  if (error instanceof CriError && error.codeName === 'UNAVAILABLE') return undefined
  throw error
}

/** A pod with a running container that ends with 7 on SIGTERM, and one that is only there. */
async function runningContainer(
  world: CrashWorld,
  script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.02; done',
) {
  const { client } = world
  const pod = await client.runSandbox(client.sandboxConfig('victim'))
  const containerId = await client.runContainer(pod, client.containerConfig('c', script))
  await client.logged(containerId, 'ready')
  return { pod, containerId }
}

export const startContainer: Scenario = {
  operation: 'StartContainer',
  points: [
    'start-container:recorded',
    'start-container:plugins-asked',
    'shim-start:begun',
    'shim-start:runtime-spawned',
    'shim-start:runtime-recorded',
    'shim-start:runtime-ended',
    'shim-start:started',
    'start-container:told',
    'start-container:running',
  ],
  async prepare({ client }) {
    const pod = await client.runSandbox(client.sandboxConfig('victim'))
    const config = client.containerConfig('c', 'echo ready; exec sleep 1000')
    const containerId = await client.createContainer(pod, config)
    return {
      act: () => client.runtime.startContainer({ containerId }),
      async retry() {
        const settled = () =>
          eventually('the start has come to an end', async () => {
            const { state } = await client.status(containerId)
            return state === CONTAINER_CREATED ? undefined : state
          })
        // It may just have been started, or be beyond starting, and then says so.
        await client.runtime.startContainer({ containerId }).catch(async (error: unknown) => {
          if ((await settled()) === CONTAINER_RUNNING) throw error
        })
        if ((await settled()) === CONTAINER_RUNNING) return client.logged(containerId, 'ready')
        // What the kubelet does with one that will never start.
        const again = await client.runContainer(pod, { ...config, metadata: { ...config.metadata!, attempt: 1 } })
        await client.logged(again, 'ready')
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

/** A container ends by itself. */
export const exit: Scenario = {
  operation: 'a container ends',
  points: [
    'shim-exit:reaped',
    'shim-exit:drained',
    'shim-exit:recorded',
    'container-exited:told',
    'container-exited:recorded',
    'shim-delete:asked',
    'shim-delete:deleted',
    'clear-runtime:deleted',
    'clear-runtime:cleared',
  ],
  except: { 'shim-exit:reaped': { error: 'nothing there can fail' } },
  async prepare(world) {
    const { client } = world
    const folder = mkdtempSync(join(tmpdir(), 'berth-go-'))
    const pod = await client.runSandbox(client.sandboxConfig('victim'))
    const script = 'echo ready; while ! [ -e /go/go ]; do sleep 0.01; done; echo last; exit 7'
    const mounts = [{ containerPath: '/go', hostPath: folder }]
    const containerId = await client.runContainer(pod, client.containerConfig('c', script, { mounts }))
    await client.logged(containerId, 'ready')
    return {
      async act() {
        writeFileSync(join(folder, 'go'), '')
      },
      async retry() {
        await client.exited(containerId)
        await assertExited(world, containerId, 7)
        assert.deepEqual(await client.logLines(containerId), ['ready', 'last'])
        await client.runtime.stopPodSandbox({ podSandboxId: pod })
      },
      async clean() {
        await client.removeSandbox(pod)
        rmSync(folder, { recursive: true })
      },
    }
  },
}

export const stopGracefully: Scenario = {
  operation: 'StopContainer',
  points: ['stop-container:signalled'],
  async prepare(world) {
    const { client } = world
    const { pod, containerId } = await runningContainer(world)
    return {
      act: () => client.runtime.stopContainer({ containerId, timeout: 10n }),
      async retry() {
        await client.runtime.stopContainer({ containerId, timeout: 10n })
        await assertExited(world, containerId, 7)
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

export const kill: Scenario = {
  operation: 'StopContainer, timeout 0',
  points: ['stop-container:killed', 'stop-container:ended'],
  async prepare(world) {
    const { client } = world
    const { pod, containerId } = await runningContainer(world)
    return {
      act: () => client.runtime.stopContainer({ containerId, timeout: 0n }),
      async retry() {
        await client.runtime.stopContainer({ containerId, timeout: 0n })
        await assertExited(world, containerId, 137)
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

export const removeContainer: Scenario = {
  operation: 'RemoveContainer',
  points: [
    'remove-container:stopped',
    'remove-container:cleared',
    'remove-container:rootfs-unmounted',
    'remove-container:bundle-removed',
    'remove-container:data-thrown-away',
    'remove-container:files-removed',
    'remove-container:record-deleted',
  ],
  async prepare(world) {
    const { client } = world
    const { pod, containerId } = await runningContainer(world)
    return {
      act: () => client.runtime.removeContainer({ containerId }),
      async retry() {
        await client.runtime.removeContainer({ containerId })
        const { containers } = await client.runtime.listContainers({ filter: { id: containerId } })
        assert.deepEqual(containers, [])
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

export const execSync: Scenario = {
  operation: 'ExecSync',
  points: [
    'exec-sync:asked',
    'shim-exec:written',
    'shim-exec:runtime-spawned',
    'shim-exec:runtime-ended',
    'shim-exec:started',
    'shim-exec:ended',
  ],
  except: { 'shim-exec:runtime-spawned': { error: 'nothing there can fail' } },
  async prepare(world) {
    const { client } = world
    const { pod, containerId } = await runningContainer(world)
    const run = () =>
      client.runtime.execSync({ containerId, cmd: ['/bin/sh', '-c', 'echo here; exit 3'], timeout: 20n })
    return {
      act: run,
      async retry() {
        const { stdout, exitCode } = await run()
        assert.deepEqual([Buffer.from(stdout).toString(), exitCode], ['here\n', 3])
        await client.runtime.stopContainer({ containerId, timeout: 10n })
        await assertExited(world, containerId, 7)
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

export const execStream: Scenario = {
  operation: 'Exec',
  points: ['exec:asked', 'exec:started', 'exec:descriptors-copied'],
  async prepare(world) {
    const { client } = world
    const { pod, containerId } = await runningContainer(world)
    const request = {
      containerId,
      cmd: ['/bin/sh', '-c', 'echo $$; exec cat'],
      stdin: true,
      stdout: true,
      stderr: true,
    }
    const open = async () => RemoteSession.open((await client.runtime.exec(request)).url)
    const commands = async () => {
      const { stdout } = await client.runtime.execSync({ containerId, cmd: ['pidof', 'cat'], timeout: 20n })
      return Buffer.from(stdout).toString().trim()
    }
    let first: RemoteSession | undefined
    return {
      async act() {
        first = await open()
        await first.ended().catch(() => {})
      },
      async retry() {
        first?.drop()
        // As a user does it whose shim has just died: once more.
        const session = await eventually('a session opens', () => open().catch(() => undefined))
        await session.send('to and fro')
        await session.shows('to and fro')
        await session.endStdin()
        assert.equal((await session.ended())?.exitCode, 0)
        await eventually('no command is left behind', async () => (await commands()) === '' || undefined)
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

export const reopenLog: Scenario = {
  operation: 'ReopenContainerLog',
  outlivesShim: true,
  points: ['reopen-log:asked', 'shim-log:opened', 'shim-log:reopened'],
  async prepare(world) {
    const { client } = world
    const count = 'echo ready; i=0; while :; do echo $i; i=$((i+1)); sleep 0.005; done'
    const { pod, containerId } = await runningContainer(world, count)
    const { logPath } = await client.status(containerId)
    const rotated = `${logPath}.1`
    const linesOf = (path: string) =>
      existsSync(path)
        ? readFileSync(path, 'utf8')
            .split('\n')
            .slice(0, -1)
            .map((line) => line.split(' ')[3] ?? '')
        : []
    return {
      act() {
        renameSync(logPath, rotated)
        return client.runtime.reopenContainerLog({ containerId })
      },
      async retry() {
        await client.runtime.reopenContainerLog({ containerId })
        const old = linesOf(rotated)
        await eventually('the new log has lines', () => linesOf(logPath).length > 10 || undefined)
        const lines = [...old, ...linesOf(logPath)]
        assert.deepEqual(lines, ['ready', ...Array.from({ length: lines.length - 1 }, (_, index) => String(index))])
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}

/** A container prints, which the neighbour does all the time. */
export const print: Scenario = {
  operation: 'a container prints',
  points: ['shim-output:taken', 'shim-output:appended'],
  except: {
    'shim-output:taken': { error: 'nothing there can fail' },
    'shim-output:appended': { error: 'what can fail is its answer, of which the tests of the log speak' },
  },
  async prepare(world) {
    return {
      act: () => world.neighbourGoesOn(),
      retry: () => world.neighbourGoesOn(),
      async clean() {},
    }
  },
}

/** The shim dies, and another takes its containers over. */
export const takeOver: Scenario = {
  operation: 'a shim dies',
  replacesShim: true,
  points: [
    'shim-process:spawned',
    'shim-process:begun',
    'shim-process:listening',
    'shim-adopt:begun',
    'shim-adopt:adopted',
  ],
  except: { 'shim-process:spawned': { shim: 'the next point is the same', both: 'the next point is the same' } },
  async prepare(world) {
    const { client } = world
    const { pod, containerId } = await runningContainer(world)
    return {
      async act() {
        for (const pid of world.shims()) process.kill(pid, 'SIGKILL')
      },
      async retry() {
        // The first to ask may be who finds out that the shim has died.
        const run = () => client.runtime.execSync({ containerId, cmd: ['true'], timeout: 20n })
        const { exitCode } = await eventually('a shim runs commands', () => run().catch(unavailableIsNothing))
        assert.equal(exitCode, 0)
        await client.runtime.stopContainer({ containerId, timeout: 10n })
        await assertExited(world, containerId, 7)
      },
      clean: () => client.removeSandbox(pod),
    }
  },
}
