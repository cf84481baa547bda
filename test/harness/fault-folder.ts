import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fault } from '../../src/lib/fault-point.ts'
import { eventually } from './eventually.ts'

/** The folder in which a test tells berthd and its shims what is to go wrong (`src/lib/fault-point.ts`). */
export class FaultFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'berth-faults-'))

  /** What starts a berthd that looks into this folder. */
  get launcher(): readonly string[] {
    return ['env', `BERTH_FAULTS=${this.path}`]
  }

  /** From now on, whoever passes the point first does it. */
  arm(fault: Fault): void {
    this.disarm()
    const file = join(this.path, 'fault.json')
    writeFileSync(`${file}.new`, JSON.stringify(fault))
    renameSync(`${file}.new`, file)
  }

  disarm(): void {
    for (const name of ['fault.json', 'fired.json']) rmSync(join(this.path, name), { force: true })
  }

  get hasFired(): boolean {
    return existsSync(join(this.path, 'fired.json'))
  }

  fired(timeoutMs = 5_000): Promise<true> {
    return eventually('the fault point is reached', () => this.hasFired || undefined, timeoutMs) as Promise<true>
  }

  /** The points that were passed since {@link forgetPassed}, each time. */
  passed(): string[] {
    const file = join(this.path, 'passed')
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  }

  forgetPassed(): void {
    rmSync(join(this.path, 'passed'), { force: true })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
