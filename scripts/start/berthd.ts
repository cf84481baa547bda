import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CriConnection, CriError } from '../../src/client/index.ts'
import type { Settings } from './settings.ts'

/** How long berthd may take to serve, and to end: milliseconds. */
const patienceMs = 20_000

/** The name and version of the runtime that serves at the socket, or undefined when none does. */
export async function whoServes(cri: CriConnection): Promise<string | undefined> {
  try {
    const { runtimeName, runtimeVersion } = await cri.runtime.version({}, { timeout: 2_000 })
    return `${runtimeName} ${runtimeVersion}`
  } catch (error) {
    if (error instanceof CriError) return undefined
    throw error
  }
}

/** A berthd that this script has started. */
export class StartedBerthd {
  readonly #process: ChildProcess
  readonly #logFile: string

  constructor(repository: string, { berthdArgs, logFile }: Settings) {
    mkdirSync(dirname(logFile), { recursive: true, mode: 0o750 })
    const log = openSync(logFile, 'a', 0o640)
    // A session of its own: the terminal's Ctrl-C is for this script, which then asks berthd to end.
    const program = join(repository, 'bin/berthd')
    this.#process = spawn(program, berthdArgs, { detached: true, stdio: ['ignore', log, log] })
    this.#logFile = logFile
    closeSync(log)
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  /** Resolves when it has ended, by itself or not. */
  async ended(): Promise<void> {
    if (!this.hasEnded) await once(this.#process, 'exit')
  }

  /** Waits until it answers; throws with the end of its log when it does not come to that. */
  async serves(cri: CriConnection): Promise<string> {
    const deadline = Date.now() + patienceMs
    while (Date.now() < deadline && !this.hasEnded) {
      const who = await whoServes(cri)
      if (who !== undefined) return who
      await sleep(20)
    }
    throw new Error(`berthd ${this.hasEnded ? 'ended' : 'does not answer'}. ${this.lastWords()}`)
  }

  /** Asks it to end, and waits for that. */
  async stop(): Promise<void> {
    if (this.hasEnded) return
    this.#process.kill('SIGTERM')
    const force = setTimeout(() => this.#process.kill('SIGKILL'), patienceMs)
    await this.ended()
    clearTimeout(force)
  }

  lastWords(): string {
    const lines = readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-10)
    return `The end of its log (${this.#logFile}):\n  ${lines.join('\n  ')}`
  }
}
