import { constants, openSync } from 'node:fs'
import { check, libc } from './libc.ts'

/** Makes a named pipe; it must not exist yet. */
export function makeFifo(path: string, mode = 0o600): void {
  check(libc.mkfifo(path, mode), 'mkfifo', path)
}

/**
 * Opens a named pipe for a container's stdout or stderr, read-write: the container then keeps its own pipe alive, and the
 * death of every reader never gives it SIGPIPE (fifo(7): a read-write open never blocks and always has a reader).
 */
export function openFifoForContainer(path: string): number {
  return openSync(path, constants.O_RDWR)
}

/** Opens a named pipe to read from without blocking, whether or not there is a writer yet. */
export function openFifoForReading(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
}
