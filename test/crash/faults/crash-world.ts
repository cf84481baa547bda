import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ContainerState, PodSandboxState } from '../../../src/gen/cri_pb.ts'
import { listMountPoints } from '../../../src/linux/mount-facts.ts'
import { Berthd, repository } from '../../harness/berthd.ts'
import { eventually } from '../../harness/eventually.ts'
import { FaultFolder } from '../../harness/fault-folder.ts'
import { differences, type MachineState, pidsOf } from '../../harness/machine-state.ts'
import { PodClient } from '../../harness/pod.ts'

/** A berthd with fault points, and a pod whose container prints numbers, which must not notice anything. */
export class CrashWorld {
  readonly faults: FaultFolder
  readonly berthd: Berthd
  readonly client: PodClient
  #pod = ''
  #neighbour = ''
  #neighbourLog = ''
  #empty: MachineState | undefined

  private constructor(faults: FaultFolder, berthd: Berthd, client: PodClient) {
    this.faults = faults
    this.berthd = berthd
    this.client = client
  }

  /**
   * @param mirror the registry that stands in for docker.io; it has busybox
   * @param withPlugin an NRI plugin is installed, which gives containers the variable `INSTALLED`
   */
  static async start(t: TestContext, mirror: string, withPlugin = false): Promise<CrashWorld> {
    const faults = new FaultFolder()
    const berthd = await Berthd.start(t, { mirrors: { 'docker.io': mirror }, launcher: faults.launcher })
    // After berthd, which writes there, has ended: a step of the end that fails takes those after it along.
    t.after(() => faults[Symbol.dispose]())
    if (withPlugin) await installPlugin(berthd)
    const client = new PodClient(berthd)
    t.after(() => client[Symbol.dispose]())
    const world = new CrashWorld(faults, berthd, client)
    await client.pull()
    world.#pod = await client.runSandbox(client.sandboxConfig('neighbour'))
    const script = ': neighbour; i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done'
    world.#neighbour = await client.runContainer(world.#pod, client.containerConfig('counter', script))
    world.#neighbourLog = (await client.status(world.#neighbour)).logPath
    await world.neighbourGoesOn()
    world.#empty = await steady(() => berthd.snapshot())
    return world
  }

  /** Takes the neighbour away; the test then finds the machine as it was. */
  async end(): Promise<void> {
    this.faults.disarm()
    await this.client.removeSandbox(this.#pod)
  }

  /** The shims that live, but for those that are about to be replaced. */
  shims(): number[] {
    const isShim = (pid: number) => commandOf(pid).includes('shim/main.ts')
    return pidsOf(this.berthd.place.mark).filter(isShim)
  }

  /** Starts berthd again after it was killed. */
  async revive(): Promise<void> {
    await this.berthd.died()
    await this.berthd.start()
    this.client.reconnect()
  }

  /** Waits for new lines of the neighbour, and sees that no number is missing or comes twice. */
  async neighbourGoesOn(): Promise<void> {
    const before = this.#neighbourNumbers().length
    await eventually('the neighbour prints', () => this.#neighbourNumbers().length > before + 1 || undefined)
    const numbers = this.#neighbourNumbers()
    const wrong = numbers.findIndex((text, index) => text !== String(index))
    assert.equal(wrong, -1, `the neighbour's line ${wrong} is ${numbers.slice(wrong - 1, wrong + 2).join(', ')}`)
  }

  #neighbourNumbers(): string[] {
    const lines = readFileSync(this.#neighbourLog, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => line.split(' ')[3] ?? '')
  }

  /** What the API says is what is there; containers may take a moment to end. */
  async assertTruthful(): Promise<void> {
    let lies: readonly string[] = []
    await eventually('the API tells the truth', async () => {
      lies = await this.#lies()
      return lies.length === 0 || undefined
    }).catch(() => assert.fail(`the API does not tell the truth: ${lies.join('; ')}`))
  }

  async #lies(): Promise<string[]> {
    const [{ containers }, { items }] = await Promise.all([
      this.client.runtime.listContainers({}),
      this.client.runtime.listPodSandbox({}),
    ])
    const living = this.#containersWithProcesses()
    const mounts = new Set(listMountPoints())
    const { state: folder } = this.berthd.place
    // The init of a shared PID namespace is in a cgroup with the id of its sandbox, as long as that is ready.
    const isReady = (id: string) => items.some((each) => each.id === id && each.state === PodSandboxState.SANDBOX_READY)
    return [
      ...containers.flatMap(({ id, state }) => {
        const runs = state === ContainerState.CONTAINER_RUNNING
        if (runs === living.has(id)) return []
        return [`container ${id} ${runs ? 'runs' : 'does not run'} and has ${living.has(id) ? '' : 'no '}processes`]
      }),
      ...[...living].flatMap((id) =>
        containers.some((each) => each.id === id) || isReady(id) ? [] : [`nobody lists ${id}, it runs`],
      ),
      ...items.flatMap(({ id, state }) => {
        const ready = state === PodSandboxState.SANDBOX_READY
        const hasNetwork = mounts.has(join(folder, 'sandboxes', id, 'net'))
        return ready === hasNetwork
          ? []
          : [`sandbox ${id} is ${ready ? '' : 'not '}ready, network namespace: ${hasNetwork}`]
      }),
    ]
  }

  /** By the cgroups of all processes. */
  #containersWithProcesses(): Set<string> {
    const ids = pidsOf(this.berthd.place.mark).flatMap((pid) => {
      const found = /\/([0-9a-f]{64})$/m.exec(readIfThere(`/proc/${pid}/cgroup`))
      return found?.[1] === undefined || isZombie(pid) ? [] : [found[1]]
    })
    return new Set(ids)
  }

  /** Of the pods that are gone, as the kubelet does: the next one writes to the same files. */
  removeLogs(): void {
    const logs = join(this.berthd.place.folder, 'logs')
    const gone = readdirSync(logs).filter((name) => !this.#neighbourLog.startsWith(`${join(logs, name)}/`))
    for (const name of gone) rmSync(join(logs, name), { recursive: true })
  }

  /** The neighbour alone is there, as at the beginning, also in the open files of berthd and its shims. */
  async assertClean(): Promise<void> {
    await this.berthd.assertAsAt(this.#empty as MachineState)
    let open: readonly string[] = []
    const isClean = () => {
      open = [this.berthd.pid, ...this.shims()].flatMap((pid) => this.#leakedFiles(pid))
      return open.length === 0 || undefined
    }
    await eventually('no file of the pod is open', isClean).catch(() => assert.fail(`still open: ${open.join(', ')}`))
  }

  #leakedFiles(pid: number): string[] {
    return descriptorsOf(pid).filter((target) => {
      if (!target.includes(this.berthd.place.folder)) return false
      if (target.includes(this.#neighbour) || target === this.#neighbourLog) return false
      return !/\.(log|lock|db|db-wal|db-shm|sock)$/.test(target) || target.includes('/logs/')
    })
  }

  /** What berthd has open, files by their paths and others by their kinds, each as often as it is open. */
  descriptors(): readonly string[] {
    const kinds = descriptorsOf(this.berthd.pid).map((target) => target.replace(/:\[\d+\]$/, ''))
    // Connections of clients and to registries come and go, and SQLite opens its files when it needs them.
    return kinds.filter((kind) => kind !== 'socket' && !/\.db(-wal|-shm)?$/.test(kind)).sort()
  }
}

async function installPlugin(berthd: Berthd): Promise<void> {
  const { nriPlugins, nriConfigs } = berthd.place
  for (const folder of [nriPlugins, nriConfigs]) mkdirSync(folder, { recursive: true })
  const script = `#!/bin/sh\nexec ${process.execPath} ${join(repository, 'test/harness/installed-plugin.ts')}\n`
  writeFileSync(join(nriPlugins, '05-installed'), script, { mode: 0o755 })
  writeFileSync(join(nriConfigs, 'installed.conf'), 'by the plugin')
  await berthd.restart()
}

/**
 * The first state that is the same twice: what the neighbour starts has no command line for a moment at its beginning and its
 * end, and would be missed afterwards.
 */
async function steady(look: () => MachineState): Promise<MachineState> {
  let last = look()
  await eventually('nothing changes', () => {
    const now = look()
    const same = differences(last, now).length === 0
    last = now
    return same || undefined
  })
  return last
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}

function commandOf(pid: number): string {
  return readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
}

function isZombie(pid: number): boolean {
  return /\) [ZX] /.test(readIfThere(`/proc/${pid}/stat`))
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
