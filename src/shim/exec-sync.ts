import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type BerthError, cancelled, deadlineExceeded } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { createPipe } from '../linux/pipe.ts'
import type { ExecProcess, ExecStarter } from './exec-process.ts'
import { OutputReader } from './output-reader.ts'
import type { ExecSyncParams, ExecSyncResult } from './protocol.ts'

/**
 * What is kept of the command's stdout and stderr together, in bytes; the command goes on (kubelet-contract F8). The answer
 * is a gRPC message, of which clients take 16 MiB.
 */
export const maxExecOutput = 16 * 1024 * 1024 - 64 * 1024

/**
 * Runs a command in a container and waits for its end. Only for the command's own process: a background child that keeps the
 * pipes open does not hold the answer up; what it writes later is not part of it.
 *
 * After the time-out, which counts from the call, the command and what it started are killed, and the answer does not wait
 * for a runtime that is still starting it.
 */
export async function execSync(
  params: ExecSyncParams & { readonly cgroup: string },
  starter: ExecStarter,
  signal: AbortSignal,
): Promise<ExecSyncResult> {
  const stopped = Promise.withResolvers<never>()
  // Nobody may be waiting for it when it comes.
  stopped.promise.catch(() => {})
  const stopping = new AbortController()
  const stop = (reason: BerthError) => {
    stopping.abort(reason)
    stopped.reject(reason)
  }
  const onAbort = () => stop(cancelled('the caller of the command gave up', signal.reason))
  signal.addEventListener('abort', onAbort)
  const timer = params.timeoutMs > 0 ? setTimeout(() => stop(timedOut(params)), params.timeoutMs) : undefined
  if (signal.aborted) onAbort()

  const stdout = collect()
  const stderr = collect()
  const stdin = openSync('/dev/null', 'r')
  const starting = starter
    .start(params, { stdio: { stdin, stdout: stdout.write, stderr: stderr.write } }, stopping.signal)
    .finally(() => [stdin, stdout.write, stderr.write].forEach(closeSync))
  try {
    const process = await Promise.race([starting, stopped.promise])
    faultPoint('shim-exec:started')
    const { exitCode } = await Promise.race([process.ended, stopped.promise])
    faultPoint('shim-exec:ended')
    const [out, err] = shared(stdout.finish(), stderr.finish())
    return { exitCode, stdout: out.toString('base64'), stderr: err.toString('base64') }
  } catch (error) {
    if (stopping.signal.aborted) await Promise.race([killWhenStarted(starting), delay(killPatience)])
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    stdout.close()
    stderr.close()
  }
}

/** How long an answer waits for the processes of a stopped command to vanish, in milliseconds. */
const killPatience = 1000

async function killWhenStarted(starting: Promise<ExecProcess>): Promise<void> {
  const process = await starting.catch(() => undefined)
  await process?.kill()
}

function timedOut(params: ExecSyncParams): BerthError {
  return deadlineExceeded(
    `the command in container "${params.id}" did not end within ${params.timeoutMs / 1000} s; it was killed`,
  )
}

/** A pipe whose content is kept, up to {@link maxExecOutput}. */
function collect() {
  const chunks: Buffer[] = []
  let bytes = 0
  const pipe = createPipe()
  const reader = new OutputReader(pipe.read, (chunk) => {
    const kept = Buffer.from(chunk.subarray(0, maxExecOutput - bytes))
    bytes += kept.length
    if (kept.length > 0) chunks.push(kept)
  })
  return {
    write: pipe.write,
    /** Everything that was written until now. */
    finish() {
      reader.finish()
      return Buffer.concat(chunks)
    },
    close: () => reader.finish(),
  }
}

/** The beginnings of both that make up {@link maxExecOutput} at most; each has half of it, and what the other leaves. */
export function shared(stdout: Buffer, stderr: Buffer): readonly [stdout: Buffer, stderr: Buffer] {
  const half = maxExecOutput / 2
  return [
    stdout.subarray(0, Math.max(half, maxExecOutput - stderr.length)),
    stderr.subarray(0, Math.max(half, maxExecOutput - stdout.length)),
  ]
}
