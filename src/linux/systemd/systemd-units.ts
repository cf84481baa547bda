import { errnoOf, messageOf, operationFailed, unavailable } from '../../lib/errors.ts'
import { DbusConnection, DbusError } from './dbus-connection.ts'
import type { DbusMessage } from './dbus-message.ts'
import type { DbusValue, DbusVariant } from './dbus-values.ts'

/** A group of processes that somebody else started, as systemd sees it (systemd.scope(5)). */
export interface Scope {
  /** `….scope` */
  readonly name: string
  /** `….slice`; it is made if it is not there. */
  readonly slice: string
  /** For people. */
  readonly description: string
  readonly pids: readonly number[]
}

const service = 'org.freedesktop.systemd1'
const manager = { path: '/org/freedesktop/systemd1', interface: 'org.freedesktop.systemd1.Manager' }
const bus = { path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', destination: 'org.freedesktop.DBus' }

/** The system bus, and systemd's own socket, which is there also where there is no bus. */
const sockets = [
  { path: '/run/dbus/system_bus_socket', isBus: true },
  { path: '/run/systemd/private', isBus: false },
]

/** How long systemd may take for a unit, in milliseconds; it takes some 10. */
const patienceMs = 30_000

/**
 * systemd's manager over D-Bus (org.freedesktop.systemd1(5)), as far as Berth needs it: scopes for processes that no OCI runtime
 * puts into one. A connection an operation: they are rare.
 */
export class SystemdUnits {
  readonly #sockets: typeof sockets

  constructor(candidates: typeof sockets = sockets) {
    this.#sockets = candidates
  }

  /**
   * Moves processes into a new scope, and returns when they are there. A scope of that name that is there already is an error,
   * but for one that has failed. Berth may make cgroups in it (Delegate).
   */
  async startScope({ name, slice, description, pids }: Scope): Promise<void> {
    const properties: [string, DbusVariant][] = [
      ['Description', { signature: 's', value: description }],
      ['Slice', { signature: 's', value: slice }],
      ['PIDs', { signature: 'au', value: pids }],
      ['Delegate', { signature: 'b', value: true }],
      // Not to be stopped before berthd at a shutdown, nor to wait for anything at its start.
      ['DefaultDependencies', { signature: 'b', value: false }],
      // Gone as soon as it is empty, also when its processes were killed.
      ['CollectMode', { signature: 's', value: 'inactive-or-failed' }],
      ...['CPUAccounting', 'MemoryAccounting', 'TasksAccounting'].map((accounting): [string, DbusVariant] => [
        accounting,
        { signature: 'b', value: true },
      ]),
    ]
    const body = [name, 'replace', properties, []]
    await this.#withManager(`start the unit ${name}`, async (connection, call) => {
      const start = () => runJob(connection, () => call('StartTransientUnit', 'ssa(sv)a(sa(sv))', body))
      await start().catch(async (error) => {
        if (!isError(error, 'UnitExists')) throw error
        await call('ResetFailedUnit', 's', [name])
        await start()
      })
    })
  }

  /** Stops a unit, with whatever still runs in it; no error when there is none. */
  async stop(name: string): Promise<void> {
    await this.#withManager(`stop the unit ${name}`, async (connection, call) => {
      try {
        await runJob(connection, () => call('StopUnit', 'ss', [name, 'replace']))
        // One whose processes were killed stays as a failed one; most often it is gone with the stop.
        await call('ResetFailedUnit', 's', [name])
      } catch (error) {
        if (!isError(error, 'NoSuchUnit')) throw error
      }
    })
  }

  async #withManager(
    action: string,
    work: (connection: DbusConnection, call: ManagerCall) => Promise<void>,
  ): Promise<void> {
    const late = Promise.withResolvers<never>()
    const silent = () => late.reject(unavailable(`it did not answer within ${patienceMs / 1000} s`))
    const timer = setTimeout(silent, patienceMs)
    try {
      const { connection, isBus } = await Promise.race([this.#connect(), late.promise])
      using open = connection
      const call: ManagerCall = (member, signature, body) =>
        open.call({ ...(isBus && { destination: service }), ...manager, member, signature, body })
      const worked = prepare(open, isBus, call).then(() => work(open, call))
      await Promise.race([worked, open.ended, late.promise])
    } catch (error) {
      throw operationFailed(`systemd did not ${action}: ${messageOf(error)}`, error)
    } finally {
      clearTimeout(timer)
    }
  }

  async #connect(): Promise<{ readonly connection: DbusConnection; readonly isBus: boolean }> {
    const failures: string[] = []
    for (const { path, isBus } of this.#sockets) {
      try {
        return { connection: await DbusConnection.open(path), isBus }
      } catch (error) {
        failures.push(`${path} (${errnoOf(error) ?? messageOf(error)})`)
      }
    }
    throw unavailable(`it cannot be reached: ${failures.join(', ')}`)
  }
}

type ManagerCall = (member: string, signature: string, body: readonly DbusValue[]) => Promise<readonly DbusValue[]>

/** Makes this process known to the bus, if there is one, and has systemd's news of jobs come. */
async function prepare(connection: DbusConnection, isBus: boolean, call: ManagerCall): Promise<void> {
  if (isBus) {
    await connection.call({ ...bus, member: 'Hello' })
    const rule = `type='signal',interface='${manager.interface}',member='JobRemoved',path='${manager.path}'`
    await connection.call({ ...bus, member: 'AddMatch', signature: 's', body: [rule] })
  }
  await call('Subscribe', '', []).catch((error) => {
    if (!isError(error, 'AlreadySubscribed')) throw error
  })
}

/**
 * Starts a job of systemd and waits for its end, which systemd tells by a signal with the job's number, path, unit and result;
 * it may come before the answer that names the job.
 */
async function runJob(connection: DbusConnection, start: () => Promise<readonly DbusValue[]>): Promise<void> {
  const results = new Map<DbusValue, DbusValue>()
  let wake = () => {}
  const stopListening = connection.onSignal(({ member, body: [, path, , result] }: DbusMessage) => {
    if (member !== 'JobRemoved' || path === undefined || result === undefined) return
    results.set(path, result)
    wake()
  })
  try {
    const [job] = await start()
    if (job === undefined) throw operationFailed('it named no job')
    while (!results.has(job)) {
      const next = Promise.withResolvers<void>()
      wake = next.resolve
      await next.promise
    }
    const result = results.get(job)
    if (result !== 'done') throw operationFailed(`the job ended with ${JSON.stringify(result)}; see the journal`)
  } finally {
    stopListening()
  }
}

function isError(error: unknown, name: string): boolean {
  return error instanceof DbusError && error.dbusName === `${service}.${name}`
}
