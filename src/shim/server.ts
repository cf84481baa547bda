import type { Duplex } from 'node:stream'
import { alreadyExists, failedPrecondition, unavailable, unimplemented } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { OciRuntime } from '../oci/runtime.ts'
import { Connection } from './connection.ts'
import { ExecStarter } from './exec-process.ts'
import { execSync } from './exec-sync.ts'
import { Guest } from './guest.ts'
import { PreparedStarts } from './prepared-starts.ts'
import { protocolVersion, type ShimEvents, type ShimRequests } from './protocol.ts'
import { SupervisedProcess, type SupervisorParts } from './supervised.ts'

type Handlers = {
  readonly [Method in keyof ShimRequests]: (
    params: ShimRequests[Method]['params'],
    signal: AbortSignal,
    guest: Guest,
  ) => ShimRequests[Method]['result'] | Promise<ShimRequests[Method]['result']>
}

type AnyHandler = (params: unknown, signal: AbortSignal, guest: Guest) => unknown

/** The shim's side of the protocol: the containers it has, and what berthd may ask of it. */
export class ShimServer {
  readonly #parts: SupervisorParts
  readonly #containers = new Map<string, SupervisedProcess>()
  readonly #prepared = new PreparedStarts<SupervisedProcess>()
  readonly #connections = new Set<Connection>()
  readonly #execs: ExecStarter
  readonly #onShutdown: () => void
  #ending = false

  constructor(parts: SupervisorParts, onShutdown: () => void) {
    this.#parts = parts
    this.#execs = new ExecStarter(parts)
    this.#onShutdown = onShutdown
  }

  /** Serves one connection of berthd. There is one at a time, but for the moment when a new berthd follows a dead one. */
  serve(stream: Duplex): void {
    const guest = new Guest()
    const connection: Connection = new Connection(stream, {
      onRequest: async (method, params, signal) => {
        if (!Object.hasOwn(this.#handlers, method)) throw unimplemented(`the shim request "${method}"`)
        const handler = this.#handlers[method as keyof Handlers] as AnyHandler
        return handler(params, signal, guest)
      },
      onEvent: () => {},
      onClose: () => {
        this.#connections.delete(connection)
        guest[Symbol.dispose]()
      },
    })
    this.#connections.add(connection)
  }

  readonly #handlers: Handlers = {
    hello: () => ({ version: protocolVersion, pid: process.pid }),

    prepare: (launch) => {
      this.#refuseKnown(launch.id)
      const process = new SupervisedProcess(launch, this.#parts)
      process.prepare()
      this.#prepared.add(launch, process)
      return null
    },

    // A start goes on when its caller has gone: the new berthd finds it in the list.
    start: async (launch) => {
      const known = this.#containers.get(launch.id)
      const process =
        known ?? this.#register(launch.id, this.#prepared.take(launch) ?? new SupervisedProcess(launch, this.#parts))
      try {
        return await process.start()
      } catch (error) {
        this.#containers.delete(launch.id)
        throw error
      }
    },

    adopt: (params) => {
      this.#refuseKnown(params.id)
      const process = new SupervisedProcess(params, this.#parts)
      process.adopt(params)
      this.#register(params.id, process)
      return null
    },

    exited: ({ id, ...status }) => {
      this.#get(id).end(status)
      return null
    },

    execSync: (params, signal) => execSync({ ...params, cgroup: this.#get(params.id).cgroup }, this.#execs, signal),

    exec: (params, signal, guest) =>
      guest.exec({ ...params, cgroup: this.#get(params.id).cgroup }, this.#execs, signal),

    execWait: ({ exec }, signal, guest) => guest.waitForExec(exec, signal),

    attach: ({ id, ...streams }, _, guest) => guest.attach(this.#get(id).attach(streams)),

    attachWait: ({ attach }, signal, guest) => guest.waitForAttach(attach, signal),

    closeStdin: ({ id }) => {
      this.#get(id).closeStdin()
      return null
    },

    reopenLog: ({ id }) => {
      this.#get(id).reopenLog()
      return null
    },

    delete: async ({ id, runtime, forgetOnly }, signal) => {
      faultPoint('shim-delete:asked')
      this.#prepared.drop(id)
      if (!forgetOnly)
        await new OciRuntime({ ...runtime, reaper: this.#parts.reaper }).delete({ id, force: true, signal })
      faultPoint('shim-delete:deleted')
      const process = this.#containers.get(id)
      if (process?.running) await process.exited
      this.#containers.delete(id)
      return null
    },

    list: () => ({ containers: [...this.#containers.values()].flatMap((process) => process.describe() ?? []) }),

    shutdown: () => {
      const busy = [...this.#containers.values()].filter((process) => !process.hasEnded).length
      if (busy > 0) throw failedPrecondition(`this shim has ${busy} containers that run or are being started`)
      this.#ending = true
      this.#onShutdown()
      return null
    },
  }

  #refuseKnown(id: string): void {
    if (this.#ending) throw unavailable('this shim is ending')
    if (this.#containers.has(id)) throw alreadyExists(`container "${id}" is already in this shim`)
  }

  #register(id: string, process: SupervisedProcess): SupervisedProcess {
    this.#refuseKnown(id)
    this.#containers.set(id, process)
    void process.exited.then((exit) => this.#tell('exit', exit))
    return process
  }

  #get(id: string): SupervisedProcess {
    const process = this.#containers.get(id)
    // berthd asks for what is on record alone: it follows a shim that died, and has not taken this one over yet.
    if (!process)
      throw unavailable(`the shim of container "${id}" was replaced and has not taken it over yet; ask again`)
    return process
  }

  #tell<Event extends keyof ShimEvents>(event: Event, params: ShimEvents[Event]): void {
    for (const connection of this.#connections) connection.event(event, params)
  }
}
