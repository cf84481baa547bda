import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Reaper } from '../linux/reaper.ts'
import { createSocketPair } from '../linux/socket-pair.ts'
import { kill, spawn } from '../linux/spawn.ts'
import type { InstalledPlugin } from './installed.ts'

/** How long a plugin may take to end when it is asked to, in milliseconds. */
const endPatience = 1000

/** The process of a plugin that Berth has started, with its end of the connection. */
export class PluginProcess {
  readonly stream: Socket
  readonly pid: number
  readonly #ended: Promise<void>
  #hasEnded = false

  /** Throws when the program cannot be run. What it prints goes where Berth's own log goes. */
  constructor({ name, file }: InstalledPlugin, reaper: Reaper) {
    const [ours, theirs] = createSocketPair()
    const input = openSync('/dev/null', 'r')
    try {
      this.pid = spawn({
        file,
        args: [],
        env: {
          PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          NRI_PLUGIN_NAME: name.base,
          NRI_PLUGIN_IDX: name.index,
          NRI_PLUGIN_SOCKET: '3',
        },
        cwd: '/',
        stdin: input,
        stdout: 2,
        stderr: 2,
        extra: theirs,
        newSession: true,
      })
    } catch (error) {
      closeSync(ours)
      throw error
    } finally {
      closeSync(input)
      closeSync(theirs)
    }
    this.#ended = reaper.wait(this.pid).then(() => {
      this.#hasEnded = true
    })
    this.stream = new Socket({ fd: ours })
  }

  /** Ends it: SIGTERM, and SIGKILL to its session when that is not enough. */
  async end(): Promise<void> {
    if (!this.#hasEnded) kill(this.pid, 'SIGTERM')
    const patience = new AbortController()
    const late = delay(endPatience, undefined, { signal: patience.signal }).catch(() => {})
    await Promise.race([this.#ended, late])
    patience.abort()
    if (!this.#hasEnded) kill(-this.pid, 'SIGKILL')
    await this.#ended
  }
}
