import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext } from 'node:test'
import { isServed } from '../../src/lib/is-served.ts'
import { eventually } from './eventually.ts'
import { takeMachine } from './machine-lock.ts'
import { assertAsBefore, type Belongings, type MachineState, machineState, pidsOf } from './machine-state.ts'
import {
  makeSurroundings,
  removeShared,
  removeSurroundings,
  type Surroundings,
  type SurroundingsOptions,
} from './surroundings.ts'

export const repository = join(import.meta.dirname, '../..')

/** What lives as long as berthd does, or comes and goes in a container that prints all the time. */
const lasting = new RegExp(
  [
    // The records, the logs, and the folders that hold those of the pods.
    String.raw`\.(db|sqlite)(-\w+)?$|\.(log|lock|sock)$|/keeper\.json$`,
    String.raw`/(sandboxes|containers|oci|oci/\w+|shims|records|records/\w+)/$|/records/(images|layers)/`,
    // host-local's notes.
    String.raw`/addresses/\w+/(lock|last_reserved_ip.*)?$`,
    // berthd itself and what it starts for all pods.
    String.raw`(daemon|shim)/main\.ts|harness/installed-plugin\.ts|berth-keeper`,
    // A shell that is about to start something looks like itself for a moment.
    String.raw`^\d+ (sleep 0\.02$|/bin/sh -c : neighbour;)`,
  ].join('|'),
)

/**
 * A private berthd, run from the source, with its own folders, socket, bridge, subnet and cgroup parent. When the test
 * ends, berthd is stopped and the machine must be as it was before it started: a pod that is still there fails the test.
 */
export class Berthd {
  readonly place: Surroundings
  /** The source that the next start runs: another version of Berth than this one, for upgrades. */
  tree = repository
  readonly #before: MachineState
  readonly #launcher: readonly string[]
  #process: ChildProcess | undefined

  private constructor(place: Surroundings, before: MachineState, launcher: readonly string[]) {
    this.place = place
    this.#before = before
    this.#launcher = launcher
  }

  /** Starts one for the test `t`; waits until it serves. */
  static async start(t: TestContext, options: SurroundingsOptions = {}): Promise<Berthd> {
    await takeMachine()
    const before = machineState({ mark: 'berth-test-none', folders: [], ignore: /^$/ })
    const berthd = new Berthd(makeSurroundings(options), before, options.launcher ?? [])
    t.after(() => berthd.#end(t))
    await berthd.start()
    return berthd
  }

  /** For `--runtime-endpoint`. */
  get endpoint(): string {
    return `unix://${this.place.socket}`
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error('berthd is not running')
    return this.#process.pid
  }

  /** The pids of its shims, in no order. */
  shims(): number[] {
    const folder = join(this.place.state, 'shims')
    return pidsOf(this.place.mark).filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
      } catch {
        return false
      }
    })
  }

  /** Starts berthd after {@link stop} or {@link kill9}. */
  async start(): Promise<void> {
    const log = openSync(this.place.logFile, 'a')
    const main = join(this.tree, 'src/daemon/main.ts')
    const [file = '', ...args] = [...this.#launcher, process.execPath, main, '--config', this.place.configFile]
    this.#process = spawn(file, args, {
      cwd: this.tree,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const started = this.#process
    await eventually(
      `berthd serves at ${this.place.socket}`,
      async () => {
        if (started.exitCode !== null || started.signalCode !== null) return 'ended'
        return (await isServed(this.place.socket)) ? 'serves' : undefined
      },
      40_000,
    ).then((outcome) => {
      if (outcome === 'ended') throw new Error(`berthd ended at its start:\n${this.log(20)}`)
    })
  }

  /** Asks berthd to end and waits until it has; answers its exit code. */
  async stop(): Promise<number | null> {
    return this.#signal('SIGTERM')
  }

  /** Kills berthd as a crash does. */
  async kill9(): Promise<void> {
    await this.#signal('SIGKILL')
  }

  /** Waits until a berthd that was killed by other hands has ended. */
  async died(): Promise<void> {
    const running = this.#process
    if (!running) return
    await eventually('berthd has died', () => running.exitCode ?? running.signalCode ?? undefined)
    this.#process = undefined
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** The last lines of berthd's log. */
  log(lines = Number.POSITIVE_INFINITY): string {
    return readFileSync(this.place.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  /** The last lines of the log, without those of a test that asks again and again. */
  #story(): string {
    const lines = this.log().split('\n')
    return lines
      .filter((line) => !/"level":20,.*"rpc":"(List|\w+Status")/.test(line))
      .slice(-60)
      .join('\n')
  }

  /** The machine as it is now, with every file of this berthd, to compare with {@link assertAsAt}. */
  snapshot(): MachineState {
    return machineState(this.#belongings())
  }

  /** Waits until nothing is there that was not there at `snapshot`, and nothing is gone. */
  async assertAsAt(snapshot: MachineState): Promise<void> {
    await assertAsBefore(snapshot, this.#belongings())
  }

  #belongings(): Belongings {
    const { root, state, addresses, bridge, mark } = this.place
    return this.#counting(
      [root, state, addresses],
      // An older build has no mounts for the folders of pods.
      new RegExp(`${lasting.source}|^${bridge}$|^/sys/fs/cgroup/.*${mark}$|on ${state}(/sandboxes|/containers)?$`),
    )
  }

  #counting(folders: readonly string[], ignore: RegExp): Belongings {
    const { mark, bridge, network } = this.place
    return { mark, folders, ignore, signs: [mark, bridge, `${network}.`] }
  }

  async #signal(signal: NodeJS.Signals): Promise<number | null> {
    const running = this.#process
    if (!running) return null
    this.#process = undefined
    if (running.exitCode === null && running.signalCode === null) {
      const ended = once(running, 'exit')
      running.kill(signal)
      const late = AbortSignal.timeout(20_000)
      await Promise.race([
        ended,
        once(late, 'abort').then(() => {
          running.kill('SIGKILL')
          throw new Error(`berthd did not end within 20 s of ${signal}:\n${this.log(20)}`)
        }),
      ])
    }
    return running.exitCode
  }

  async #end(t: TestContext): Promise<void> {
    try {
      await this.stop()
      removeShared(this.place)
      if (hasPassed(t)) {
        const bugs = this.log()
          .split('\n')
          .filter((line) => line.includes('"msg":"a bug: unhandled"'))
        if (bugs.length > 0) throw new Error(`berthd logged:\n${bugs.join('\n')}`)
        // Another berthd of the same test may have ended meanwhile.
        const ofOthers = String.raw`on (?!${this.place.state}(?:/|$))\S*/berth-test-\w+/run(/sandboxes|/containers)?$`
        const ignored = new RegExp(`${lasting.source}|${ofOthers}`)
        await assertAsBefore(this.#before, this.#counting([this.place.addresses], ignored))
      }
    } catch (error) {
      if (hasPassed(t)) throw error
    } finally {
      if (!hasPassed(t)) process.stderr.write(`\nThe log of berthd in "${t.name}":\n${this.#story()}\n\n`)
      removeSurroundings(this.place)
    }
  }
}

/** Node has it since 21.7 (TestContext.passed), @types/node does not yet. */
function hasPassed(t: TestContext): boolean {
  return (t as TestContext & { readonly passed: boolean }).passed
}
