import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import { processesWithArgument } from '../linux/find-processes.ts'
import { readProcessStat } from '../linux/process-stat.ts'
import { kill } from '../linux/spawn.ts'
import { earlyBundle } from './early-runtime.ts'

/**
 * Which process of the OCI runtime is starting a container, on record in its bundle while it does: when its shim dies, the
 * runtime, which leads a session of its own, goes on, and somebody must be able to end it.
 */
export function recordStartingRuntime(bundle: string, pid: number): void {
  const startTime = readProcessStat(pid)?.startTime
  if (startTime !== undefined) writeFileSync(file(bundle), JSON.stringify({ pid, startTime }), { mode: 0o600 })
}

/** The runtime has ended. */
export function forgetStartingRuntime(bundle: string): void {
  rmSync(file(bundle), { force: true })
}

/** Whether a shim that is gone has had the runtime start the container, as far as the runtime has not come to its end. */
export function hasStartingRuntime(bundle: string): boolean {
  return existsSync(file(bundle)) || findRuntime(bundle) !== undefined
}

/** Kills the runtime that is starting a container, with all that it started in its session; nothing when there is none. */
export function killStartingRuntime(bundle: string): void {
  const runtime = read(bundle)
  // The pid may have come to mean another process.
  if (runtime && readProcessStat(runtime.pid)?.startTime !== runtime.startTime) return
  // Without a record the shim may have died before it could write it.
  const pid = runtime?.pid ?? findRuntime(bundle)
  if (pid !== undefined) kill(-pid, 'SIGKILL')
}

/** The process that leads a session of its own and has the bundle among its arguments, or the one in it of an early runtime. */
function findRuntime(bundle: string): number | undefined {
  const bundles = new Set([bundle, earlyBundle(bundle)])
  const found = processesWithArgument((argument) => bundles.has(argument))
  return found.find(({ pid }) => readProcessStat(pid)?.session === pid)?.pid
}

function read(bundle: string): { readonly pid: number; readonly startTime: string } | undefined {
  try {
    return JSON.parse(readFileSync(file(bundle), 'utf8')) as { pid: number; startTime: string }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

function file(bundle: string): string {
  return join(bundle, 'runtime.json')
}
