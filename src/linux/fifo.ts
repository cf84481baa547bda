import { closeSync, constants, openSync } from 'node:fs'
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

/** Opens a named pipe for a process that both writes and reads it, without blocking. */
export function openFifoForBoth(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
}

/** Opens a named pipe to read from without blocking, whether or not there is a writer yet. */
export function openFifoForReading(path: string): number {
  return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
}

/**
 * Opens a named pipe to write to without blocking. Throws ENXIO when nobody has it open for reading: the container has
 * ended, or has closed its stdin.
 */
export function openFifoForWriting(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
}

/**
 * Opens a named pipe for a container that shall see its end: the container gets the reading end alone, and it ends when
 * the last writer has closed it. `writer` is the first one, so that there is no end before that.
 */
export function openEndingFifo(path: string): { readonly reader: number; readonly writer: number } {
  // As long as this is open, neither of the other opens waits for the other, nor fails (fifo(7)).
  const both = openSync(path, constants.O_RDWR)
  try {
    return { reader: openSync(path, constants.O_RDONLY), writer: openFifoForWriting(path) }
  } finally {
    closeSync(both)
  }
}
