import { spawnSync } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

/** What process.stdin and process.stdout have more when they are a terminal. */
interface TerminalInput extends Readable {
  readonly isTTY?: boolean
  setRawMode?(on: boolean): unknown
}

interface TerminalOutput extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/**
 * The user's terminal in raw mode until disposed of: every key goes to the remote program, also Ctrl-C, and only that one
 * echoes. Nothing happens when stdin is no terminal.
 */
export class UserTerminal implements Disposable {
  readonly #input: TerminalInput
  readonly #output: TerminalOutput
  readonly #onResize: () => void

  /** @param onSize called with the size of the terminal now and whenever it changes */
  constructor(input: Readable, output: Writable, onSize: (size: { width: number; height: number }) => void) {
    this.#input = input
    this.#output = output
    this.#onResize = () => {
      const { columns, rows } = this.#output
      if (columns && rows) onSize({ width: columns, height: rows })
    }
    if (this.#input.isTTY) makeRaw(this.#input)
    this.#output.on('resize', this.#onResize)
    this.#onResize()
  }

  [Symbol.dispose](): void {
    this.#output.off('resize', this.#onResize)
    if (this.#input.isTTY) this.#input.setRawMode?.(false)
  }
}

/**
 * Node's raw mode leaves the translation of LF to CR LF on, which the remote terminal has done already where its program
 * wants it. Leaving raw mode takes both back, as does the end of the process.
 */
function makeRaw(input: TerminalInput): void {
  input.setRawMode?.(true)
  spawnSync('stty', ['-opost'], { stdio: 'inherit' })
}
