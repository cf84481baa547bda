import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../harness/free-port.ts'
import { setTimeout as sleep } from 'node:timers/promises'

/** Debian's docker-registry on 127.0.0.1, with a free port and a data folder of its own. */
export class DockerRegistry implements AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly #folder: string
  readonly #process: ChildProcess

  private constructor(host: string, folder: string, process: ChildProcess) {
    this.host = host
    this.#folder = folder
    this.#process = process
  }

  /**
   * Starts one and waits until it answers. `htpasswd` is the text of such a file (bcrypt), for basic authentication.
   * Throws what it said when it does not start.
   */
  static async start(options: { readonly htpasswd?: string } = {}): Promise<DockerRegistry> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-registry-'))
    const host = `127.0.0.1:${await freePort()}`
    const configuration: object = {
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: host },
      ...(options.htpasswd ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
    }
    mkdirSync(join(folder, 'data'))
    if (options.htpasswd) writeFileSync(join(folder, 'htpasswd'), options.htpasswd)
    // JSON is YAML.
    writeFileSync(join(folder, 'config.yml'), JSON.stringify(configuration))
    const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (output = (output + chunk).slice(-4000)))
    const registry = new DockerRegistry(host, folder, child)
    let failure: Error | undefined
    child.once('error', (error) => (failure = error))
    for (let tries = 0; tries < 200; tries++) {
      if (failure || child.exitCode !== null) break
      // 401 is an answer, too.
      const answer = await fetch(`http://${host}/v2/`).catch(() => undefined)
      await answer?.body?.cancel()
      if (answer) return registry
      await sleep(50)
    }
    await registry.stop()
    throw new Error(`docker-registry did not start: ${failure?.message ?? output}`)
  }

  /** Stops it and deletes its data. */
  async stop(): Promise<void> {
    if (this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGKILL')
      await once(this.#process, 'exit')
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
