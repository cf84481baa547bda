import { closeSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { makeFifo, openFifoForBoth } from '../linux/fifo.ts'
import { setPipeCapacity } from '../linux/pipe.ts'
import { kill } from '../linux/spawn.ts'
import type { BeginRequest, BegunRun, OciRuntime } from '../oci/runtime.ts'

/**
 * The OCI runtime of a container that is about to be started: it runs already, has loaded itself (2 to 4 ms of a program in
 * Go), and waits for its config.json, which in the bundle that it has got is a named pipe. Before it has read that it does
 * nothing, and when the shim dies, it sees the end of the pipe and gives up.
 *
 * Its bundle is the folder `runtime` in the container's. When it goes on, the pipe there gives way to a link to the container's
 * own config.json, for hooks, which are told of the bundle.
 */
export class EarlyRuntime implements Disposable {
  readonly #bundle: string
  readonly #run: BegunRun
  #config: number | undefined
  #hasEnded = false

  /** @param request.bundle the container's, which must have no folder `runtime` yet */
  constructor(runtime: OciRuntime, request: BeginRequest) {
    this.#bundle = request.bundle
    const pipe = configIn(request.bundle)
    mkdirSync(earlyBundle(request.bundle), { mode: 0o700 })
    makeFifo(pipe)
    // Also for reading: the runtime, which opens it for reading alone, then never waits for a writer.
    this.#config = openFifoForBoth(pipe)
    try {
      this.#run = runtime.begin({ ...request, bundle: earlyBundle(request.bundle) })
    } catch (error) {
      this.#close()
      throw error
    }
    void this.#run.ended.then(() => {
      this.#hasEnded = true
    })
  }

  /** Lets it go on with the container's config.json. Undefined when it cannot: then it has done nothing, and has ended. */
  proceed(): BegunRun | undefined {
    const fd = this.#config
    if (fd === undefined || this.#hasEnded) return undefined
    const text = readFileSync(join(this.#bundle, 'config.json'))
    if (!setPipeCapacity(fd, text.length)) {
      this[Symbol.dispose]()
      return undefined
    }
    // If it has not opened the pipe yet, it will find the file.
    symlinkSync('../config.json', `${configIn(this.#bundle)}.new`)
    renameSync(`${configIn(this.#bundle)}.new`, configIn(this.#bundle))
    writeSync(fd, text)
    this.#close()
    return this.#run
  }

  /** Ends it, unless it has gone on. */
  [Symbol.dispose](): void {
    if (this.#config === undefined) return
    if (!this.#hasEnded) kill(-this.#run.runtimePid, 'SIGKILL')
    this.#close()
    rmSync(earlyBundle(this.#bundle), { recursive: true, force: true })
  }

  #close(): void {
    if (this.#config !== undefined) closeSync(this.#config)
    this.#config = undefined
  }
}

/** The bundle of an early runtime, in that of its container. */
export function earlyBundle(bundle: string): string {
  return join(bundle, 'runtime')
}

function configIn(bundle: string): string {
  return join(earlyBundle(bundle), 'config.json')
}
