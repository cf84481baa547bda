import { availableParallelism } from 'node:os'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { faultPoint } from '../lib/fault-point.ts'
import type { AttachWarmup } from '../linux/cgroup/attach-warmup.ts'
import type { Cgroups } from '../linux/cgroup/cgroups.ts'
import { descendantsOf, readProcessStat } from '../linux/process-stat.ts'
import type { ExitStatus, Reaper } from '../linux/reaper.ts'
import { kill } from '../linux/spawn.ts'
import { OciRuntime, type RuntimeStdio } from '../oci/runtime.ts'
import { FairSlots } from './fair-slots.ts'
import type { RuntimeCommand } from '../state/runtime-command.ts'

/**
 * How many OCI runtimes start a command at a time; the commands then run side by side without limit. A runtime keeps a CPU
 * busy for 30 to 50 ms, and a hundred probes at once must leave some for the rest of the node.
 */
const maxStarting = Math.max(2, availableParallelism())
/** And how many in the same container: its commands may hang. */
const maxStartingInContainer = Math.floor(maxStarting / 2)

/** A runtime that has not started the command after this long, in milliseconds, hangs and is killed. */
const startPatience = 120_000

/** How many times the processes of a command are looked for and killed: they may fork meanwhile. */
const killRounds = 50

export interface ExecStart {
  readonly id: string
  readonly bundle: string
  readonly runtime: RuntimeCommand
  /** The `process` object of the OCI runtime-spec. */
  readonly process: unknown
  /** The container's cgroup as a path below the hierarchy. */
  readonly cgroup: string
}

/** A command that runs in a container beside its first process. */
export interface ExecProcess {
  readonly pid: number
  readonly ended: Promise<ExitStatus>
  /** Kills it with everything that it started, as far as that can be told (see {@link descendantsOf}). */
  kill(): Promise<void>
}

let lastExec = 0

/** Starts commands in containers, some at a time, each container having its turn. */
export class ExecStarter {
  readonly #reaper: Reaper
  readonly #cgroups: Pick<Cgroups, 'pids'>
  readonly #warmup: Pick<AttachWarmup, 'expectAttach'>
  readonly #slots = new FairSlots(maxStarting, maxStartingInContainer)

  constructor(parts: {
    readonly reaper: Reaper
    readonly cgroups: Pick<Cgroups, 'pids'>
    readonly warmup: Pick<AttachWarmup, 'expectAttach'>
  }) {
    this.#reaper = parts.reaper
    this.#cgroups = parts.cgroups
    this.#warmup = parts.warmup
  }

  /**
   * @param signal nobody waits for the command any more: its start is left out, or cut short, unless it has succeeded
   * @throws the runtime's own failure; the reason of `signal`
   */
  start(
    request: ExecStart,
    io: { readonly stdio?: RuntimeStdio; readonly consoleSocket?: string },
    signal: AbortSignal,
  ): Promise<ExecProcess> {
    return this.#slots.run(request.id, async () => {
      signal.throwIfAborted()
      this.#warmup.expectAttach()
      const { id, bundle, cgroup } = request
      // A shim that died may have left the files of its own in this folder.
      const name = `exec-${process.pid}-${++lastExec}`
      const file = (suffix: string) => join(bundle, `${name}.${suffix}`)
      const before = this.#reaper.mark()
      writeFileSync(file('json'), JSON.stringify(request.process), { mode: 0o600 })
      using starting = new StartingCommand(AbortSignal.any([signal, AbortSignal.timeout(startPatience)]), (runtime) =>
        this.#killAll(runtime, cgroup),
      )
      try {
        faultPoint('shim-exec:written')
        const { pid } = await new OciRuntime({ ...request.runtime, reaper: this.#reaper }).exec({
          id,
          processFile: file('json'),
          pidFile: file('pid'),
          logFile: file('log'),
          ...io,
          signal: starting.killed,
          onSpawn: starting.onSpawn,
        })
        faultPoint('shim-exec:runtime-ended')
        return this.#watch(pid, before, cgroup)
      } finally {
        for (const suffix of ['json', 'pid', 'log']) rmSync(file(suffix), { force: true })
      }
    })
  }

  #watch(pid: number, since: number, cgroup: string): ExecProcess {
    let running = true
    const ended = this.#reaper.wait(pid, since).finally(() => {
      running = false
    })
    return {
      pid,
      ended,
      kill: async () => {
        // Its pid means it as long as it has not been reaped; that of a session as long as somebody is in it.
        if (running) await this.#killAll(pid, cgroup)
      },
    }
  }

  async #killAll(root: number, cgroup: string): Promise<void> {
    const known = new Set([root])
    for (let round = 0; round < killRounds; round++) {
      const processes = this.#cgroups.pids(cgroup).flatMap((pid) => readProcessStat(pid) ?? [])
      const alive = descendantsOf(known, processes)
      if (alive.size === 0) return
      for (const pid of alive) {
        known.add(pid)
        kill(pid, 'SIGKILL')
      }
      await delay(round)
    }
  }
}

/**
 * The OCI runtime while it starts a command. It is not just killed when nobody waits for it: the command may run already, and
 * would run on. So it is stopped first, then what it has put into the container's cgroup is killed, then it is.
 */
class StartingCommand implements Disposable {
  readonly #stop: AbortSignal
  readonly #killStarted: (runtime: number) => Promise<void>
  readonly #kill = new AbortController()
  #runtime: number | undefined

  constructor(stop: AbortSignal, killStarted: (runtime: number) => Promise<void>) {
    this.#stop = stop
    this.#killStarted = killStarted
    stop.addEventListener('abort', this.#onStop)
  }

  /** Aborts when the runtime is to be killed. */
  get killed(): AbortSignal {
    return this.#kill.signal
  }

  /** It leads a session, and so a process group, of its own. */
  readonly onSpawn = (pid: number) => {
    this.#runtime = pid
    faultPoint('shim-exec:runtime-spawned')
  };

  /** The runtime has ended. */
  [Symbol.dispose](): void {
    this.#stop.removeEventListener('abort', this.#onStop)
    this.#runtime = undefined
  }

  readonly #onStop = async () => {
    const runtime = this.#runtime
    try {
      if (runtime !== undefined && kill(-runtime, 'SIGSTOP')) await this.#killStarted(runtime)
    } catch {
      // The container may be gone with its cgroup.
    }
    this.#kill.abort(this.#stop.reason)
  }
}
