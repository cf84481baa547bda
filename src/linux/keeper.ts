import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { discardMessage, receiveDescriptor, sendDescriptor } from './ancillary.ts'
import { check, libc } from './libc.ts'
import { copyDescriptor, openPidfd, signalPidfd } from './pidfd.ts'
import { readProcessStat } from './process-stat.ts'
import { ReadableWatch } from './readable.ts'
import { createSocketPair } from './socket-pair.ts'
import { kill, spawn } from './spawn.ts'

const SOL_SOCKET = 1
/** The same on x86-64 and arm64. */
const SO_SNDBUFFORCE = 32
const SO_PEEK_OFF = 42

/** Room for the messages in the socket, in bytes: each takes less than 2 KiB, and a busy node has a few thousand. */
const queueBytes = 64 * 1024 * 1024

/** Messages without a use are thrown away when there are more of them than of the others, and this many. */
const tolerated = 64

/** Waits on the writing end of its own socket, where nothing ever comes. */
const script = 'read -r _'

/**
 * Descriptors that outlive this process: copies of them are in flight, as messages in a unix socket that nobody reads
 * (unix(7), SCM_RIGHTS), and a process that does nothing but sleep has both ends of that socket open. It never sees the
 * descriptors, and needs no memory for them. Another process finds it through its record, gets the socket from it by
 * pidfd_getfd(2), and looks at the messages without taking them, which gives it copies of the descriptors.
 */
export class Keeper implements Disposable {
  readonly #record: string
  readonly #pidfd: number
  readonly #send: number
  readonly #receive: number
  readonly #watch: ReadableWatch
  readonly #ended = Promise.withResolvers<void>()
  /** The messages as they are in the socket, the first one first. */
  #messages: { readonly name: string }[] = []
  /** Those that count; the others are of no use any more. */
  readonly #live = new Map<string, { readonly name: string }>()

  private constructor(record: string, pid: number, onReady: (pidfd: number) => { send: number; receive: number }) {
    this.#record = record
    this.#pidfd = openPidfd(pid)
    try {
      const { send, receive } = onReady(this.#pidfd)
      this.#send = send
      this.#receive = receive
    } catch (error) {
      closeSync(this.#pidfd)
      throw error
    }
    this.#watch = new ReadableWatch(this.#pidfd, () => {
      this.#watch[Symbol.dispose]()
      this.#ended.resolve()
    })
  }

  /** Starts one. @param owner what `ps` is to show as its owner */
  static start(record: string, owner: string): Keeper {
    const [send, receive] = createSocketPair('seqpacket')
    const size = Buffer.alloc(4)
    size.writeInt32LE(queueBytes)
    libc.setsockopt(send, SOL_SOCKET, SO_SNDBUFFORCE, size, size.length)
    const nothing = openSync('/dev/null', 'w')
    let pid: number | undefined
    let keeper: Keeper | undefined
    try {
      const request = {
        file: '/bin/sh',
        args: ['-c', script, 'berth-keeper', owner],
        env: {},
        cwd: '/',
        newSession: true,
      }
      pid = spawn({ ...request, stdin: send, stdout: receive, stderr: nothing })
      keeper = new Keeper(record, pid, () => ({ send, receive }))
      writeFileSync(`${record}.new`, JSON.stringify({ pid, startTime: readProcessStat(pid)?.startTime }), {
        mode: 0o600,
      })
      renameSync(`${record}.new`, record)
      return keeper
    } catch (error) {
      if (keeper) keeper[Symbol.dispose]()
      else for (const fd of [send, receive]) closeSync(fd)
      if (pid !== undefined) kill(pid, 'SIGKILL')
      throw error
    } finally {
      closeSync(nothing)
    }
  }

  /** The one that an earlier process has started, with copies of all that it keeps; undefined when it is gone. */
  static find(record: string): { readonly keeper: Keeper; readonly kept: Map<string, number> } | undefined {
    try {
      const { pid, startTime } = JSON.parse(readFileSync(record, 'utf8')) as { pid: number; startTime: string }
      const keeper = new Keeper(record, pid, (pidfd) => {
        // After the pidfd was opened: it may have come to mean another process.
        const stat = readProcessStat(pid)
        if (stat?.startTime !== startTime || stat.zombie) throw new Error(`process ${pid} is not the keeper any more`)
        return { send: copyDescriptor(pidfd, 0), receive: copyDescriptor(pidfd, 1) }
      })
      return { keeper, kept: keeper.#look() }
    } catch {
      return undefined
    }
  }

  /** Resolves when the process has ended, by whatever means: what it kept is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  get isEmpty(): boolean {
    return this.#live.size === 0
  }

  /** Keeps a copy of `fd` under a name, in the place of what it has under that name. Throws when there is no room. */
  put(name: string, fd: number): void {
    sendDescriptor(this.#send, name, fd)
    this.#note(name)
  }

  #note(name: string): void {
    const message = { name }
    this.#messages.push(message)
    this.#live.set(name, message)
  }

  /** Lets go of what is kept under these names: some time soon, or `now`. */
  remove(names: Iterable<string>, { now = false } = {}): void {
    let found = false
    for (const name of names) if (this.#live.delete(name)) found = true
    const dead = this.#messages.length - this.#live.size
    if (found && (now || this.isEmpty || (dead > tolerated && dead > this.#live.size))) this.#compact()
  }

  /** Once through the queue: what has no use is thrown away, the rest goes to the end before it leaves the beginning. */
  #compact(): void {
    for (const message of this.#messages) {
      if (this.#live.get(message.name) === message) this.#moveToEnd(message.name)
      discardMessage(this.#receive)
    }
    this.#messages = this.#messages.filter((message) => this.#live.get(message.name) === message)
  }

  /** Sends a copy of the first message, which is to be thrown away then. */
  #moveToEnd(name: string): void {
    const { fd } = receiveDescriptor(this.#receive, { peek: true }) ?? {}
    if (fd === undefined) throw new Error(`the keeper has lost "${name}"`)
    try {
      sendDescriptor(this.#send, name, fd)
    } finally {
      closeSync(fd)
    }
  }

  /** Looks at all messages, each of which moves the offset on to the next. The last one of a name counts. */
  #look(): Map<string, number> {
    const kept = new Map<string, number>()
    this.#setPeekOffset(0)
    try {
      for (;;) {
        const { text, fd } = receiveDescriptor(this.#receive, { peek: true }) ?? {}
        if (text === undefined || fd === undefined) return kept
        this.#note(text)
        const before = kept.get(text)
        if (before !== undefined) closeSync(before)
        kept.set(text, fd)
      }
    } finally {
      this.#setPeekOffset(-1)
    }
  }

  #setPeekOffset(offset: number): void {
    const value = Buffer.alloc(4)
    value.writeInt32LE(offset)
    check(libc.setsockopt(this.#receive, SOL_SOCKET, SO_PEEK_OFF, value, value.length), 'setsockopt')
  }

  /** Ends the process, and with it all that it keeps. */
  end(): void {
    rmSync(this.#record, { force: true })
    try {
      signalPidfd(this.#pidfd, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }

  /** Lets go of it; it goes on. */
  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]()
    for (const fd of [this.#pidfd, this.#send, this.#receive]) closeSync(fd)
  }
}
