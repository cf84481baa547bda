import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BerthError, deadlineExceeded } from '../lib/errors.ts'
import { createPipe } from '../linux/pipe.ts'
import type { Reaper } from '../linux/reaper.ts'
import { kill } from '../linux/spawn.ts'
import { OciRuntime } from '../oci/runtime.ts'
import { OutputReader } from './output-reader.ts'
import type { ExecSyncParams, ExecSyncResult } from './protocol.ts'

/** What is kept of the command's stdout or stderr, in bytes; the command goes on (kubelet-contract F8). */
export const maxExecOutput = 16 * 1024 * 1024

let lastExec = 0

/**
 * Runs a command in a container and waits for its end. Only for the command's own process: a background child that keeps the
 * pipes open does not hold the answer up; what it writes later is not part of it.
 */
export async function execSync(params: ExecSyncParams, reaper: Reaper, signal: AbortSignal): Promise<ExecSyncResult> {
  const runtime = new OciRuntime({ ...params.runtime, reaper })
  const name = `exec-${++lastExec}`
  const file = (suffix: string) => join(params.bundle, `${name}.${suffix}`)
  const stdout = collect()
  const stderr = collect()
  const stdin = openSync('/dev/null', 'r')
  const deadline = params.timeoutMs > 0 ? AbortSignal.timeout(params.timeoutMs) : undefined
  const stop = deadline ? AbortSignal.any([signal, deadline]) : signal
  writeFileSync(file('json'), JSON.stringify(params.process), { mode: 0o600 })
  try {
    const stdio = { stdin, stdout: stdout.write, stderr: stderr.write }
    const started = await runtime
      .exec({
        id: params.id,
        processFile: file('json'),
        pidFile: file('pid'),
        logFile: file('log'),
        stdio,
        signal: stop,
      })
      .finally(() => [stdin, stdout.write, stderr.write].forEach(closeSync))
    const onStop = () => void kill(started.pid, 'SIGKILL')
    if (stop.aborted) onStop()
    stop.addEventListener('abort', onStop)
    const status = await reaper.wait(started.pid).finally(() => stop.removeEventListener('abort', onStop))
    if (deadline?.aborted) throw timedOut(params)
    signal.throwIfAborted()
    return { exitCode: status.exitCode, stdout: stdout.finish(), stderr: stderr.finish() }
  } catch (error) {
    if (deadline?.aborted && !(error instanceof BerthError && error.code === 'deadline-exceeded'))
      throw timedOut(params)
    throw error
  } finally {
    stdout.finish()
    stderr.finish()
    for (const suffix of ['json', 'pid', 'log']) rmSync(file(suffix), { force: true })
  }
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
    /** Everything that was written until now, in base64. */
    finish() {
      reader.finish()
      return Buffer.concat(chunks).toString('base64')
    },
  }
}
