import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds. */
const patience = 60_000

/** Waits until the log of a container has a line that is `text`. */
export async function waitForLine(file: string, text: string): Promise<void> {
  const deadline = performance.now() + patience
  const wanted = ` ${text}\n`
  while (!(await endOf(file, 4096)).includes(wanted)) {
    if (performance.now() > deadline) throw new Error(`"${text}" was not in ${file} within ${patience / 1000} s`)
    await sleep(1)
  }
}

/** The last bytes of a file; nothing while it is not there. */
export async function endOf(file: string, bytes: number): Promise<string> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  try {
    const { size } = await handle.stat()
    const from = Math.max(0, size - bytes)
    const buffer = Buffer.alloc(size - from)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from)
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await handle.close()
  }
}
