import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import type { FileFacts } from './log-file.ts'

/**
 * How far the output of a container is in its log: everything of the staged stdout and stderr before these positions is in the
 * log file within its first `log.size` bytes. What is beyond them may be there too (see `recover-log.ts`).
 */
export interface LogPosition {
  readonly log: FileFacts
  readonly stdout: number
  readonly stderr: number
}

/** Raise it when the content changes its meaning. */
const version = 1
const fields = 6

/** A {@link LogPosition} on record, in a small file beside the staged output. It is written in one piece, or not at all. */
export class LogPositionRecord implements Disposable {
  readonly #path: string
  #fd: number | undefined
  readonly #content = Buffer.alloc(fields * 8)

  constructor(path: string) {
    this.#path = path
  }

  /** Undefined when there is none: nothing was ever staged; or when it is of a newer Berth. */
  read(): LogPosition | undefined {
    let content: Buffer
    try {
      content = readFileSync(this.#path)
    } catch {
      return undefined
    }
    if (content.length !== this.#content.length) return undefined
    const [found, device, inode, size, stdout, stderr] = numbersOf(content)
    return found === version ? { log: { device, inode, size }, stdout, stderr } : undefined
  }

  write({ log, stdout, stderr }: LogPosition): void {
    this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600)
    const values = [version, log.device, log.inode, log.size, stdout, stderr]
    for (const [index, value] of values.entries()) this.#content.writeDoubleLE(value, index * 8)
    writeSync(this.#fd, this.#content, 0, this.#content.length, 0)
  }

  /** There is nothing to recover any more. */
  remove(): void {
    rmSync(this.#path, { force: true })
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

function numbersOf(content: Buffer): [number, number, number, number, number, number] {
  const at = (index: number) => content.readDoubleLE(index * 8)
  return [at(0), at(1), at(2), at(3), at(4), at(5)]
}
