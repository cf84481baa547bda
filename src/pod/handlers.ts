import { accessSync, constants } from 'node:fs'
import { failedPrecondition, invalidArgument, messageOf } from '../lib/errors.ts'
import type { CgroupDriver } from '../linux/cgroup/names.ts'
import type { HostFacts } from '../oci/host-facts.ts'
import type { HandlerOptions } from '../oci/spec/input.ts'
import type { RuntimeCommand } from '../state/runtime-command.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'

/** See {@link RuntimeHandler.deleteMs}. */
export const defaultDeleteMs = 20_000

/** A runtime handler as the operator configured it: the name that a RuntimeClass gives, and the OCI runtime behind it. */
export interface RuntimeHandler {
  readonly name: string
  readonly command: RuntimeCommand
  readonly cgroupDriver: CgroupDriver
  readonly options: HandlerOptions
  /** How long it may take to delete a container, in milliseconds; {@link defaultDeleteMs} when absent. */
  readonly deleteMs?: number
  /** What the host and this runtime together can do. */
  readonly host: HostFacts
  /** All that the runtime keeps of a container that has ended are a folder below its root and the cgroup. */
  readonly plainState?: boolean
  /** It reads config.json before it does anything else, so that it can be started before that is given to it. */
  readonly waitsForConfig?: boolean
  /** To start a container it needs none of the mounts of other pods, and leaves nothing behind that would. */
  readonly needsOwnMountsOnly?: boolean
}

export class RuntimeHandlers {
  #handlers: ReadonlyMap<string, RuntimeHandler>
  #defaultName: string

  constructor(handlers: readonly RuntimeHandler[], defaultName: string) {
    this.#handlers = new Map(handlers.map((handler) => [handler.name, handler]))
    this.#defaultName = defaultName
  }

  /** From now on it is those of `other`. A pod that is there goes on with its handler, see {@link of}. */
  become(other: RuntimeHandlers): void {
    this.#handlers = other.#handlers
    this.#defaultName = other.#defaultName
  }

  /** The names, the default first. */
  get names(): readonly string[] {
    return [this.#defaultName, ...[...this.#handlers.keys()].filter((name) => name !== this.#defaultName)]
  }

  /** The handler of that name; `''` is the default. */
  get(name: string): RuntimeHandler {
    const handler = this.#find(name)
    if (!handler) {
      const known = this.names.join(', ')
      throw invalidArgument(`no runtime handler "${name}" is configured; there are: ${known}`)
    }
    return handler
  }

  /**
   * The handler of a pod that is there. One that was taken out of the configuration since is as it was when the pod was
   * made: the pod can still be stopped and removed.
   */
  of(sandbox: SandboxRecord): RuntimeHandler {
    const handler = this.#find(sandbox.runtimeHandler)
    if (handler) return handler
    if (!sandbox.runtime) return this.get(sandbox.runtimeHandler)
    const { cgroupDriver, ...command } = sandbox.runtime
    return { name: sandbox.runtimeHandler, command, cgroupDriver, options: {}, host: this.get('').host }
  }

  #find(name: string): RuntimeHandler | undefined {
    return this.#handlers.get(name === '' ? this.#defaultName : name)
  }

  /** Whether pods of the default handler can be had; asked for every few seconds, it costs one system call. */
  ready(): { readonly ready: boolean; readonly message: string } {
    try {
      this.usable('')
      return { ready: true, message: '' }
    } catch (error) {
      return { ready: false, message: messageOf(error) }
    }
  }

  /** The handler of that name, if its binary can be run; to be asked before a pod is begun that could never start a container. */
  usable(name: string): RuntimeHandler {
    const handler = this.get(name)
    const { path } = handler.command
    try {
      accessSync(path, constants.X_OK)
    } catch (cause) {
      throw failedPrecondition(
        `the OCI runtime of handler "${handler.name}" cannot be run: there is no executable file ${path}; ` +
          `install it (on Debian: apt install ${handler.command.name}) or correct its path in the configuration`,
        cause,
      )
    }
    return handler
  }
}
