import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

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
    closeSync(this.#fd)
    this.#fd = fd
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

function open(path: string): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o640)
}
