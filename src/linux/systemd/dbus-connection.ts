import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { BerthError, operationFailed, unavailable } from '../../lib/errors.ts'
import { type DbusMessage, decodeMessage, encodeMessage, messageType } from './dbus-message.ts'
import type { DbusValue } from './dbus-values.ts'

export interface DbusCall {
  readonly destination?: string
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly signature?: string
  readonly body?: readonly DbusValue[]
}

/** The other end answered a call with an error of that name, such as `org.freedesktop.systemd1.UnitExists`. */
export class DbusError extends BerthError {
  readonly dbusName: string

  constructor(dbusName: string, message: string) {
    super('unknown', message)
    this.dbusName = dbusName
  }
}

/** A connection to a message bus, or to a program that speaks D-Bus itself, over a unix socket. */
export class DbusConnection implements Disposable {
  readonly #socket: Socket
  readonly #calls = new Map<number, PromiseWithResolvers<readonly DbusValue[]>>()
  readonly #listeners = new Set<(signal: DbusMessage) => void>()
  #unread: Buffer = Buffer.alloc(0)
  #serial = 0
  #closed: Error | undefined
  readonly #end = Promise.withResolvers<never>()

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#end.promise.catch(() => {})
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#close(error))
    socket.on('close', () => this.#close(undefined))
  }

  /** Connects as the user that this process is (SASL EXTERNAL). Throws the errno error when nobody listens there. */
  static async open(path: string): Promise<DbusConnection> {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      const user = Buffer.from(String(process.geteuid?.() ?? 0)).toString('hex')
      // Its end is not awaited: a message that comes together with BEGIN stays unread in systemd until the next one.
      socket.write(`\0AUTH EXTERNAL ${user}\r\nBEGIN\r\n`)
      const rest = await authenticated(socket)
      const connection = new DbusConnection(socket)
      if (rest.length > 0) connection.#take(rest)
      return connection
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  /** Answers what the other end answers; throws {@link DbusError}, or unavailable when the connection ends. */
  async call(call: DbusCall): Promise<readonly DbusValue[]> {
    if (this.#closed) throw this.#closed
    const serial = ++this.#serial
    const answer = Promise.withResolvers<readonly DbusValue[]>()
    this.#calls.set(serial, answer)
    this.#socket.write(encodeMessage({ body: [], ...call, type: messageType.call, serial }))
    return answer.promise
  }

  /** Rejects when the connection has ended. */
  get ended(): Promise<never> {
    return this.#end.promise
  }

  /** Has `listener` called for each signal that comes, until the answered function is called. */
  onSignal(listener: (signal: DbusMessage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
    this.#close(undefined)
  }

  #take(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
    try {
      for (let found = decodeMessage(this.#unread); found; found = decodeMessage(this.#unread)) {
        this.#unread = this.#unread.subarray(found.length)
        this.#dispatch(found.message)
      }
    } catch (error) {
      this.#socket.destroy()
      this.#close(error)
    }
  }

  #dispatch(message: DbusMessage): void {
    if (message.type === messageType.signal) for (const listener of [...this.#listeners]) listener(message)
    const call = this.#calls.get(message.replySerial ?? 0)
    if (!call || (message.type !== messageType.answer && message.type !== messageType.error)) return
    this.#calls.delete(message.replySerial ?? 0)
    if (message.type === messageType.answer) return call.resolve(message.body)
    const [said] = message.body
    call.reject(new DbusError(message.errorName ?? '', typeof said === 'string' ? said : (message.errorName ?? '')))
  }

  #close(cause: unknown): void {
    this.#closed ??= unavailable('the D-Bus connection was closed', cause)
    for (const { reject } of this.#calls.values()) reject(this.#closed)
    this.#calls.clear()
    this.#end.reject(this.#closed)
  }
}

/** Waits for the line that lets this process in; answers what came after it. */
async function authenticated(socket: Socket): Promise<Buffer> {
  let text = Buffer.alloc(0)
  const ended = once(socket, 'close').then(() => undefined)
  for (;;) {
    const next = await Promise.race([once(socket, 'data').then(([chunk]) => chunk as Buffer), ended])
    if (next === undefined) throw unavailable('the D-Bus connection was closed before it was open')
    text = Buffer.concat([text, next])
    const end = text.indexOf('\r\n')
    if (end === -1) continue
    const line = text.toString('latin1', 0, end)
    if (!line.startsWith('OK ')) throw operationFailed(`the D-Bus socket does not let this process in: ${line}`)
    return text.subarray(end + 2)
  }
}
