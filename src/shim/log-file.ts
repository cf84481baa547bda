import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { failedPrecondition } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'

/** The log file of one container. It is only ever appended to; a file that is there already is continued. */
export class LogFile implements Disposable {
  readonly path: string
  #fd: number

  constructor(path: string) {
    this.path = path
    this.#fd = open(path)
  }

  /** Writes whole lines at once. */
  append(lines: Uint8Array): void {
    for (let at = 0; at < lines.length; ) at += writeSync(this.#fd, lines, at, lines.length - at)
  }

  /** Goes on in a new file at the same path, after the old one was renamed. On failure the old one stays in use. */
  reopen(): void {
    const fd = open(this.path)
    faultPoint('shim-log:opened')
    closeSync(this.#fd)
    this.#fd = fd
    faultPoint('shim-log:reopened')
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

/**
 * Whoever can write to the folder of the logs could put something else in the place of one: a pipe would hold up this process,
 * a device would be written to.
 */
function open(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  const fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o640)
  try {
    if (!fstatSync(fd).isFile()) throw failedPrecondition(`"${path}" is not a file: no log can be written there`)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
