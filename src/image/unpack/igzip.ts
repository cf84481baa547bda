import { closeSync, existsSync, openSync } from 'node:fs'
import { createPipe, enlargePipe } from '../../linux/pipe.ts'
import { pipeWriter, readPipeInto } from '../../linux/pipe-stream.ts'
import { reapKilled } from '../../linux/reap-child.ts'
import { kill, spawn } from '../../linux/spawn.ts'
import type { Decompress } from './decompress.ts'

const places = ['/usr/bin/igzip', '/usr/local/bin/igzip']
/** What a pipe holds, in bytes: the most that a user without privileges may ask for. */
const pipeSize = 1024 * 1024

/** The path of igzip, if this machine has it. */
export function findIgzip(): string | undefined {
  return places.find((path) => existsSync(path))
}

/**
 * Decompresses gzip with `igzip` (Debian: isal): half the CPU time of zlib, and a process of its own, so that what a layer
 * does to the decompressor does not happen in berthd. The program's exit code may not be ours to see (berthd reaps all its
 * children in one place); that the gzip was whole is seen from the digest of what came out.
 */
export function igunzip(file: string): Decompress {
  return async ({ first, next, ring }) => {
    const { pid, input, output } = start(file)
    const stdin = pipeWriter(input)
    const writing = (async () => {
      for (let chunk = first; chunk; chunk = await next()) {
        await new Promise<void>((resolve, reject) => stdin.write(chunk, (error) => (error ? reject(error) : resolve())))
      }
      stdin.end()
    })()
    writing.catch(() => stdin.destroy())
    try {
      await readPipeInto(output, {
        buffer: (ahead) => ring.slot(ahead),
        filled: (length) => ring.commit(length),
      })
      await writing
    } finally {
      kill(pid, 'SIGKILL')
      stdin.destroy()
      await writing.catch(() => {})
      reapKilled(pid)
    }
  }
}

function start(file: string): { readonly pid: number; readonly input: number; readonly output: number } {
  const input = createPipe({ nonBlocking: false })
  const output = createPipe({ nonBlocking: false })
  const sink = openSync('/dev/null', 'w')
  try {
    for (const fd of [input.write, output.read]) enlargePipe(fd, pipeSize)
    const pid = spawn({ file, args: ['-d', '-c'], stdin: input.read, stdout: output.write, stderr: sink })
    return { pid, input: input.write, output: output.read }
  } catch (error) {
    closeSync(input.write)
    closeSync(output.read)
    throw error
  } finally {
    for (const fd of [input.read, output.write, sink]) closeSync(fd)
  }
}
