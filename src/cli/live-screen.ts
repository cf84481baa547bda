import type { Readable } from 'node:stream'
import type { Terminal } from './cli.ts'
import { isTerminal } from './format/colour.ts'

/** Control sequences of terminals (ECMA-48, and xterm's other screen). */
const enter = '\x1b[?1049h\x1b[?25l'
const leave = '\x1b[?25h\x1b[?1049l'
const home = '\x1b[H'
const clearLine = '\x1b[K'
const clearBelow = '\x1b[J'

/**
 * The whole terminal, drawn anew again and again, until disposed of: then it is as before. Where there is no terminal each
 * drawing is written below the one before.
 */
export class LiveScreen implements Disposable {
  readonly #stdout: Terminal['stdout']
  readonly #isTerminal: boolean

  constructor({ stdout }: Pick<Terminal, 'stdout'>) {
    this.#stdout = stdout
    this.#isTerminal = isTerminal(stdout)
    if (this.#isTerminal) stdout.write(enter)
  }

  draw(text: string): void {
    if (!this.#isTerminal) return void this.#stdout.write(text)
    // A terminal that does not know its size says 0.
    const rows = (this.#stdout as { rows?: number }).rows || 24
    const lines = text.split('\n').slice(0, Math.max(1, rows - 1))
    this.#stdout.write(home + lines.map((line) => `${line}${clearLine}\n`).join('') + clearBelow)
  }

  [Symbol.dispose](): void {
    if (this.#isTerminal) this.#stdout.write(leave)
  }
}

/** Single keys that the user presses, until disposed of; none where stdin is no terminal. Ctrl-C is one of them. */
export class Keys implements Disposable {
  readonly #stdin: TerminalInput | undefined
  readonly #onData: (data: Buffer) => void

  constructor(stdin: Readable | undefined, onKey: (key: string) => void) {
    const input = stdin as TerminalInput | undefined
    this.#stdin = input?.isTTY ? input : undefined
    this.#onData = (data) => {
      for (const key of data.toString('utf8')) onKey(key)
    }
    this.#stdin?.setRawMode?.(true)
    this.#stdin?.on('data', this.#onData)
  }

  [Symbol.dispose](): void {
    this.#stdin?.off('data', this.#onData).pause()
    this.#stdin?.setRawMode?.(false)
    this.#stdin?.unref?.()
  }
}

interface TerminalInput extends Readable {
  readonly isTTY?: boolean
  setRawMode?(on: boolean): unknown
  unref?(): void
}
