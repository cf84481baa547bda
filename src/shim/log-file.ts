import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { failedPrecondition } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'

/** Which file it is, whatever its name, and how much it has. */
export interface FileFacts {
  readonly device: number
  readonly inode: number
  /** In bytes. */
  readonly size: number
}

const newline = 0x0a

/** The log file of one container. It is only ever appended to; a file that is there already is continued. */
export class LogFile implements Disposable {
  readonly path: string
  #fd: number

  constructor(path: string, fd = open(path)) {
    this.path = path
    this.#fd = fd
  }

  /** The file that was written to before, also when it has been renamed since; undefined when it is gone. */
  static find(path: string, known: FileFacts): LogFile | undefined {
    const name = basename(path)
    const folder = dirname(path)
    const others = namesIn(folder).filter((other) => other !== name && other.startsWith(name))
    for (const candidate of [name, ...others].map((other) => join(folder, other))) {
      const stats = statSync(candidate, { throwIfNoEntry: false })
      if (!stats || !isSame(stats, known)) continue
      const fd = open(candidate)
      if (isSame(fstatSync(fd), known)) return new LogFile(path, fd)
      closeSync(fd)
    }
    return undefined
  }

  get facts(): FileFacts {
    const { dev, ino, size } = fstatSync(this.#fd)
    return { device: dev, inode: ino, size }
  }

  /** Another file is where this one was. */
  get isReplaced(): boolean {
    const there = statSync(this.path, { throwIfNoEntry: false })
    return there !== undefined && !isSame(there, this.facts)
  }

  /**
   * Writes whole lines at once. A line is there to its end or not at all: what a full disk takes of one is taken back. Answers
   * how many bytes were written, and why not all.
   */
  append(lines: Uint8Array): { readonly written: number; readonly error?: unknown } {
    let before: number | undefined
    let written = 0
    try {
      let stats = fstatSync(this.#fd)
      if (stats.nlink === 0) {
        this.reopen()
        stats = fstatSync(this.#fd)
      }
      before = stats.size
      while (written < lines.length) written += writeSync(this.#fd, lines, written, lines.length - written)
      return { written }
    } catch (error) {
      const whole = written === 0 ? 0 : lines.lastIndexOf(newline, written - 1) + 1
      if (before !== undefined && whole < written) ftruncateSync(this.#fd, before + whole)
      return { written: whole, error }
    }
  }

  /** Bytes from `position` on, as many as there are and fit; none at the end. */
  read(buffer: Uint8Array, position: number): Uint8Array {
    return buffer.subarray(0, readSync(this.#fd, buffer, 0, buffer.length, position))
  }

  /** Takes back what is beyond `size`. */
  truncate(size: number): void {
    ftruncateSync(this.#fd, size)
  }

  /**
   * Goes on in the file at the path of the log: a new one, after the old one was renamed. On failure the old one stays in use.
   *
   * The kubelet renames the old log back when it did not hear that its rotation went well, over the new one; then what the
   * new one already had goes to the end of the old.
   */
  reopen(): void {
    const fd = open(this.path)
    try {
      faultPoint('shim-log:opened')
      if (fstatSync(this.#fd).nlink === 0 && fstatSync(fd).size > 0) append(this.#fd, fd)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    closeSync(this.#fd)
    this.#fd = fd
    faultPoint('shim-log:reopened')
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

function isSame(stats: Stats, { device, inode }: FileFacts): boolean {
  return stats.dev === device && stats.ino === inode
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Adds all of one file to the end of another. */
function append(from: number, to: number): void {
  const buffer = Buffer.allocUnsafe(64 * 1024)
  for (let at = 0; ; ) {
    const bytes = readSync(from, buffer, 0, buffer.length, at)
    if (bytes === 0) return
    for (let done = 0; done < bytes; ) done += writeSync(to, buffer, done, bytes - done)
    at += bytes
  }
}

/**
 * Whoever can write to the folder of the logs could put something else in the place of one: a pipe would hold up this process,
 * a device would be written to.
 */
function open(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  const fd = openSync(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o640)
  try {
    if (!fstatSync(fd).isFile()) throw failedPrecondition(`"${path}" is not a file: no log can be written there`)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
