import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type DbusMessage, decodeMessage, encodeMessage, messageType } from '../dbus-message.ts'
import type { DbusValue, DbusVariant } from '../dbus-values.ts'

export interface FakeUnit {
  readonly name: string
  readonly properties: Map<string, DbusValue>
}

export interface FakeSystemdOptions {
  /** Called before a unit is there; what it throws fails the job. */
  readonly onStart?: (unit: FakeUnit) => void
  readonly onStop?: (unit: FakeUnit) => void
  /** Speaks as systemd does on its own socket: no bus in between. */
  readonly withoutBus?: boolean
}

const manager = 'org.freedesktop.systemd1.Manager'

/**
 * systemd and a message bus in one, for machines without them: transient units are started and stopped, with a job and its
 * end for each, their properties kept. What makes the cgroups is the test's matter.
 */
export class FakeSystemd {
  readonly units = new Map<string, FakeUnit>()
  /** Each call on the manager, as its name and first argument. */
  readonly calls: string[] = []
  readonly #options: FakeSystemdOptions
  readonly #server: Server
  readonly #clients = new Set<Client>()
  #jobs = 0

  private constructor(options: FakeSystemdOptions) {
    this.#options = options
    this.#server = createServer((socket) => {
      const client: Client = new Client(socket, (message) => this.#answer(client, message))
      this.#clients.add(client)
      socket.unref()
      socket.on('error', () => {})
      socket.on('close', () => this.#clients.delete(client))
    })
  }

  static async listen(path: string, options: FakeSystemdOptions = {}): Promise<FakeSystemd> {
    const fake = new FakeSystemd(options)
    fake.#server.listen(path)
    await once(fake.#server, 'listening')
    // It ends with the test, also with one that fails.
    fake.#server.unref()
    return fake
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.end()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #answer(client: Client, message: DbusMessage): void {
    try {
      const { signature, body, after } = this.#serve(client, message)
      client.send({ type: messageType.answer, replySerial: message.serial, body, ...(signature && { signature }) })
      after?.()
    } catch (error) {
      const [name, text] =
        error instanceof Refusal ? [error.dbusName, error.message] : ['org.fake.Error', String(error)]
      const answer = { type: messageType.error, replySerial: message.serial, errorName: name }
      client.send({ ...answer, signature: 's', body: [text] })
    }
  }

  #serve(client: Client, message: DbusMessage): Answer {
    switch (message.interface) {
      case 'org.freedesktop.DBus':
        if (this.#options.withoutBus) throw new Refusal('org.freedesktop.DBus.Error.UnknownInterface', 'no bus')
        client.greeted ||= message.member === 'Hello'
        return message.member === 'Hello' ? { signature: 's', body: [':1.7'] } : nothing
      case 'org.freedesktop.DBus.Properties':
        return this.#property(message)
      case manager:
        if (!this.#options.withoutBus && !client.greeted)
          throw new Refusal('org.freedesktop.DBus.Error.AccessDenied', 'no Hello')
        return this.#manage(message)
      default:
        throw new Refusal('org.freedesktop.DBus.Error.UnknownInterface', `no ${message.interface} here`)
    }
  }

  #manage({ member, body }: DbusMessage): Answer {
    const name = String(body[0] ?? '')
    this.calls.push(`${member} ${name}`.trim())
    const unit = this.units.get(name)
    switch (member) {
      case 'Subscribe':
        return nothing
      case 'ResetFailedUnit':
        if (!unit) throw noSuchUnit(name)
        return nothing
      case 'StartTransientUnit': {
        if (unit) throw new Refusal('org.freedesktop.systemd1.UnitExists', `Unit ${name} was already loaded.`)
        const made = { name, properties: propertiesOf(body[2]) }
        return this.#job(name, () => {
          this.#options.onStart?.(made)
          this.units.set(name, made)
        })
      }
      case 'StopUnit':
        if (!unit) throw noSuchUnit(name)
        return this.#job(name, () => {
          this.#options.onStop?.(unit)
          this.units.delete(name)
        })
      case 'SetUnitProperties':
        if (!unit) throw noSuchUnit(name)
        for (const [key, value] of propertiesOf(body[2])) unit.properties.set(key, value)
        return nothing
      default:
        throw new Refusal('org.freedesktop.DBus.Error.UnknownMethod', `no ${member} here`)
    }
  }

  /** Answers with a job, and tells everybody of its end after that. */
  #job(name: string, work: () => void): Answer {
    const number = ++this.#jobs
    const path = `/org/freedesktop/systemd1/job/${number}`
    const after = () => {
      let result = 'done'
      try {
        work()
      } catch {
        result = 'failed'
      }
      const signal = { path: '/org/freedesktop/systemd1', interface: manager, member: 'JobRemoved' }
      const body = [number, path, name, result]
      for (const client of this.#clients) client.send({ type: messageType.signal, ...signal, signature: 'uoss', body })
    }
    return { signature: 'o', body: [path], after }
  }

  #property({ path = '', body: [, name] }: DbusMessage): Answer {
    if (name === 'Version') return { signature: 'v', body: [{ signature: 's', value: '252 (fake)' }] }
    const unit = [...this.units.values()].find((each) => path.endsWith(`/${escaped(each.name)}`))
    const value = unit?.properties.get(String(name))
    if (typeof value === 'string') return { signature: 'v', body: [{ signature: 's', value }] }
    if (name === 'DeviceAllow')
      return { signature: 'v', body: [{ signature: 'a(ss)', value: (value as DbusValue[]) ?? [] }] }
    throw new Refusal('org.freedesktop.DBus.Error.UnknownProperty', `no property ${String(name)} at ${path}`)
  }
}

interface Answer {
  readonly signature?: string
  readonly body: readonly DbusValue[]
  /** To be done when the answer is on its way. */
  readonly after?: () => void
}

const nothing: Answer = { body: [] }

class Refusal extends Error {
  readonly dbusName: string

  constructor(dbusName: string, message: string) {
    super(message)
    this.dbusName = dbusName
  }
}

function noSuchUnit(name: string): Refusal {
  return new Refusal('org.freedesktop.systemd1.NoSuchUnit', `Unit ${name} not loaded.`)
}

function propertiesOf(value: DbusValue | undefined): Map<string, DbusValue> {
  return new Map((value as [string, DbusVariant][]).map(([key, variant]) => [key, variant.value]))
}

/** A unit's name in an object path: whatever is no letter or digit as `_` and its code in hex. */
function escaped(name: string): string {
  return name.replace(/[^a-zA-Z0-9]/g, (letter) => `_${letter.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** A connection: first lines of text (SASL), from BEGIN on messages. */
class Client {
  greeted = false
  readonly #socket: Socket
  readonly #onMessage: (message: DbusMessage) => void
  #unread: Buffer = Buffer.alloc(0)
  #begun = false
  #serial = 0

  constructor(socket: Socket, onMessage: (message: DbusMessage) => void) {
    this.#socket = socket
    this.#onMessage = onMessage
    socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk])
      if (!this.#begun) this.#authenticate()
      if (this.#begun) this.#messages()
    })
  }

  send(message: Omit<DbusMessage, 'serial'>): void {
    if (this.#begun && this.#socket.writable) this.#socket.write(encodeMessage({ ...message, serial: ++this.#serial }))
  }

  end(): void {
    this.#socket.destroy()
  }

  #authenticate(): void {
    for (let end = this.#unread.indexOf('\r\n'); end !== -1 && !this.#begun; end = this.#unread.indexOf('\r\n')) {
      const line = this.#unread.toString('latin1', 0, end).replace(/^\0/, '')
      this.#unread = this.#unread.subarray(end + 2)
      if (line === 'BEGIN') this.#begun = true
      else if (line.startsWith('AUTH EXTERNAL')) this.#socket.write('OK 0123456789abcdef0123456789abcdef\r\n')
      else if (line === 'AUTH') this.#socket.write('REJECTED EXTERNAL\r\n')
      else this.#socket.write('ERROR\r\n')
    }
  }

  #messages(): void {
    for (let found = decodeMessage(this.#unread); found; found = decodeMessage(this.#unread)) {
      this.#unread = this.#unread.subarray(found.length)
      if (found.message.type === messageType.call) this.#onMessage(found.message)
    }
  }
}
