import { availableParallelism } from 'node:os'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { AttachWarmup } from '../linux/cgroup/attach-warmup.ts'
import type { Cgroups } from '../linux/cgroup/cgroups.ts'
import { descendantsOf, readProcessStat } from '../linux/process-stat.ts'
import type { ExitStatus, Reaper } from '../linux/reaper.ts'
import { kill } from '../linux/spawn.ts'
import { OciRuntime, type RuntimeStdio } from '../oci/runtime.ts'
import { FairSlots } from './fair-slots.ts'
import type { RuntimeCommand } from './protocol.ts'

/**
 * How many OCI runtimes start a command at a time; the commands then run side by side without limit. A runtime keeps a CPU
 * busy for 30 to 50 ms, and a hundred probes at once must leave some for the rest of the node.
 */
const maxStarting = Math.max(2, availableParallelism())

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
  readonly #slots = new FairSlots(maxStarting)

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
   * @param open makes the stdio when the turn has come. What it opens, `close` closes, whatever comes of the start.
   * @param isWanted asked when the turn has come; a start that nobody waits for is left out
   * @throws the runtime's own failure; whatever `isWanted` throws
   */
  start(
    request: ExecStart,
    io: { readonly stdio?: RuntimeStdio; readonly consoleSocket?: string },
    isWanted: () => void,
  ): Promise<ExecProcess> {
    return this.#slots.run(request.id, async () => {
      isWanted()
      this.#warmup.expectAttach()
      const { id, bundle, cgroup } = request
      const name = `exec-${++lastExec}`
      const file = (suffix: string) => join(bundle, `${name}.${suffix}`)
      const before = this.#reaper.mark()
      writeFileSync(file('json'), JSON.stringify(request.process), { mode: 0o600 })
      try {
        // A start is never cut short by its caller: the pid would be lost, and the command would run on.
        const { pid } = await new OciRuntime({ ...request.runtime, reaper: this.#reaper }).exec({
          id,
          processFile: file('json'),
          pidFile: file('pid'),
          logFile: file('log'),
          ...io,
          signal: AbortSignal.timeout(startPatience),
        })
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
