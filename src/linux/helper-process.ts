import { closeSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { deadlineExceeded, failedPrecondition } from '../lib/errors.ts'
import { contents, memfd } from './command.ts'
import { createPipe } from './pipe.ts'
import type { ExitStatus, Reaper } from './reaper.ts'
import { kill, spawn } from './spawn.ts'

/** How long a helper may live, in milliseconds; it takes some 5. */
const patienceMs = 10_000

/**
 * A short-lived shell that does, step by step, what a process with threads cannot do itself. It says a line when a step is
 * done and waits for a line before the next; disposing closes its stdin, at which it must end, and waits for that.
 */
export class HelperProcess implements AsyncDisposable {
  readonly pid: number
  readonly #stdin: number
  readonly #stderr: number
  readonly #output: Socket
  readonly #ended: Promise<ExitStatus>
  readonly #timer: NodeJS.Timeout
  #text = ''

  constructor(reaper: Reaper, script: string, args: readonly string[]) {
    const stdin = createPipe({ nonBlocking: false })
    const stdout = createPipe()
    this.#stderr = memfd('stderr')
    this.#stdin = stdin.write
    try {
      this.pid = spawn({
        file: '/bin/sh',
        args: ['-c', script, 'sh', ...args],
        env: { PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
        cwd: '/',
        stdin: stdin.read,
        stdout: stdout.write,
        stderr: this.#stderr,
        newSession: true,
      })
    } catch (error) {
      for (const fd of [stdin.write, stdout.read, this.#stderr]) closeSync(fd)
      throw error
    } finally {
      closeSync(stdin.read)
      closeSync(stdout.write)
    }
    this.#ended = reaper.wait(this.pid)
    this.#timer = setTimeout(() => kill(this.pid, 'SIGKILL'), patienceMs)
    this.#output = new Socket({ fd: stdout.read, readable: true, writable: false }).setEncoding('utf8')
    this.#output.on('data', (chunk: string) => {
      this.#text += chunk
    })
  }

  /** The next line of the helper. Throws failed-precondition, with the helper's words, when it ends without one. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 1)
        return line
      }
      if (this.#output.destroyed) throw await this.#failure()
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#output.once('data', resolve)
      this.#output.once('close', resolve)
      await promise
      this.#output.off('data', resolve)
      this.#output.off('close', resolve)
    }
  }

  /** Lets it take its next step. */
  goOn(): void {
    writeSync(this.#stdin, '\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#stdin)
    await this.#ended
    clearTimeout(this.#timer)
    this.#output.destroy()
    closeSync(this.#stderr)
  }

  async #failure() {
    const { exitCode, signal } = await this.#ended
    if (signal === 9) return deadlineExceeded(`the helper process took longer than ${patienceMs / 1000} s`)
    return failedPrecondition(
      contents(this.#stderr).toString('utf8').trim() || `the helper process ended with code ${exitCode}`,
    )
  }
}
