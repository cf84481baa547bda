import { type ChildProcess, spawn } from 'node:child_process'

const mark = 'end-of-command'

/** A shell that takes one command after the other, as at a terminal. */
export class ShellSession implements Disposable {
  readonly #shell: ChildProcess
  #printed = ''
  #more = Promise.withResolvers<void>()

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    // A process group of its own, to end with all that it has in the background.
    this.#shell = spawn('bash', ['--norc'], { cwd, env, stdio: ['pipe', 'pipe', 'ignore'], detached: true })
    for (const event of ['data', 'close']) {
      this.#shell.stdout?.on(event, (chunk?: Buffer) => {
        this.#printed += chunk?.toString() ?? `${mark} ended\n`
        this.#more.resolve()
      })
    }
    this.#shell.stdin?.write('exec 2>&1\n')
  }

  /** Runs a command to its end, or begins it if it ends with `&`. */
  async run(command: string): Promise<{ readonly said: string; readonly exitCode: number }> {
    this.#printed = ''
    this.#shell.stdin?.write(`{ ${command}\n} </dev/null\nprintf '${mark} %s\\n' $?\n`)
    for (;;) {
      const [, said, status] = new RegExp(`^([^]*)${mark} (\\w+)\\n`).exec(this.#printed) ?? []
      if (said !== undefined) return { said, exitCode: Number(status) }
      await this.#more.promise
      this.#more = Promise.withResolvers()
    }
  }

  [Symbol.dispose](): void {
    process.kill(-(this.#shell.pid as number), 'SIGTERM')
  }
}
