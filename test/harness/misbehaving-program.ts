import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'

/** What a program does instead of its work: says that it failed, hangs, is killed by a signal, or says nonsense and ends well. */
export type Misbehaviour = 'fail' | 'hang' | 'crash' | 'garbage'

export const misbehaviours: readonly Misbehaviour[] = ['fail', 'hang', 'crash', 'garbage']

/** A program in front of a real one, which misbehaves on demand at one of its verbs. */
export class MisbehavingProgram implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'berth-misbehaving-'))
  /** The program, as an absolute path. */
  readonly path: string

  /**
   * @param real the program that does the work otherwise
   * @param verb shell text that sets `verb`; it sees the arguments and the environment
   * @param real is run by this shell text, when `exec "$real" "$@"` will not do
   */
  constructor(real: string, verb: string, run = 'exec "$real" "$@"') {
    const bin = join(this.folder, 'bin')
    mkdirSync(bin)
    this.path = join(bin, real.slice(real.lastIndexOf('/') + 1))
    const lines = [
      '#!/bin/sh',
      `real=${real}; folder=${this.folder}`,
      verb,
      // Whoever takes the order away carries it out: once, whoever else comes meanwhile.
      'if mv "$folder/order.$verb" "$folder/done.$verb" 2>/dev/null; then',
      '  read -r how < "$folder/done.$verb"',
      '  case $how in',
      '    fail) echo "this is not its day" >&2; exit 1;;',
      '    hang) echo $$ > "$folder/hangs"; exec sleep 1000;;',
      '    crash) kill -SEGV $$;;',
      '    garbage) head -c 20000 /dev/urandom; head -c 20000 /dev/urandom >&2; exit 0;;',
      '  esac',
      'fi',
      run,
    ]
    writeFileSync(this.path, `${lines.join('\n')}\n`, { mode: 0o755 })
  }

  get binFolder(): string {
    return join(this.folder, 'bin')
  }

  /** The next call of that verb misbehaves. */
  order(verb: string, how: Misbehaviour): void {
    for (const name of [`done.${verb}`, 'hangs']) rmSync(join(this.folder, name), { force: true })
    writeFileSync(join(this.folder, `order.${verb}`), `${how}\n`)
  }

  /** There is no such program, until {@link bringBack}. */
  takeAway(): void {
    renameSync(this.path, this.#away)
  }

  bringBack(): void {
    renameSync(this.#away, this.path)
  }

  get #away(): string {
    return join(this.folder, 'away')
  }

  /** Throws when the order was not carried out. */
  done(verb: string): Promise<unknown> {
    return eventually(`${verb} is called`, () => existsSync(join(this.folder, `done.${verb}`)) || undefined)
  }

  /** Waits until it hangs. */
  hangs(): Promise<unknown> {
    return eventually('the program hangs', () => existsSync(join(this.folder, 'hangs')) || undefined)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
