import { appendFileSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { operationFailed } from './errors.ts'
import type { FaultPointName } from './fault-point-names.ts'

/**
 * Fault points: named places in berthd and in berth-shim where a test can make something go wrong. They do nothing unless the
 * environment variable `BERTH_FAULTS` names a folder when the process starts; that is for tests, no setting and no request can
 * switch them on later.
 *
 * The folder has a file `fault.json` with one {@link Fault} while one is armed. The process that passes its point takes the file
 * away (to `fired.json`) and does what it says, once. `passed` has the name of each point that was passed, one a line.
 */
export interface Fault {
  readonly point: FaultPointName
  /** Which passing of the point it is, counted by each process since the fault was armed; the first when absent. */
  readonly passing?: number
  /** Processes that are killed (SIGKILL), in this order; `self` is the one that passes the point. */
  readonly kill?: readonly (number | 'self')[]
  /** Holds the process up for that long, in milliseconds, with everything that it does: as a disk that hangs does. */
  readonly delayMs?: number
  /** Throws an error with that message. */
  readonly error?: string
}

const folder = process.env.BERTH_FAULTS

/** How often each point was passed since the fault in `armed` was armed. */
const passings = new Map<string, number>()
let armed = ''

/** Marks a fault point; it throws only when a test says so. */
export function faultPoint(name: FaultPointName): void {
  if (folder !== undefined) pass(folder, name)
}

/** For the environment of a process or a worker of ours that is to have the same fault points; empty without them. */
export function faultEnvironment(): Readonly<Record<string, string>> {
  return folder === undefined ? {} : { BERTH_FAULTS: folder }
}

function pass(folder: string, name: FaultPointName): void {
  appendFileSync(join(folder, 'passed'), `${name}\n`)
  const file = join(folder, 'fault.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return
  }
  if (text !== armed) passings.clear()
  armed = text
  const fault = JSON.parse(text) as Fault
  if (fault.point !== name) return
  const passing = (passings.get(name) ?? 0) + 1
  passings.set(name, passing)
  if (passing !== (fault.passing ?? 1)) return
  try {
    renameSync(file, join(folder, 'fired.json'))
  } catch {
    // Another process was at it first.
    return
  }
  act(fault)
}

function act({ point, kill = [], delayMs, error }: Fault): void {
  for (const pid of kill) process.kill(pid === 'self' ? process.pid : pid, 'SIGKILL')
  if (delayMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs)
  if (error !== undefined) throw operationFailed(`${error} (a fault of a test, at ${point})`)
}
