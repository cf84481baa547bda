import type { Readable, Writable } from 'node:stream'
import { Pump } from './pump.ts'

/**
 * Sends a client's input to a process until the client ends it, and ends the process's stdin then. Input that the process
 * does not want (it has none, or has closed it) is read and dropped, so that the client is not held up. Resolves when all
 * input has been passed on or dropped; never rejects.
 */
export async function sendInput(input: Readable, stdin: Writable | undefined): Promise<void> {
  if (!stdin) return drop(input)
  await new Pump(input, stdin).done
  if (stdin.writable) await end(stdin)
  else await drop(input)
}

/** For terminals, which have no end of input: what was typed is passed on, and then nothing more comes. */
export async function sendKeys(input: Readable, terminal: Writable): Promise<void> {
  await new Pump(input, terminal).done
  await drop(input)
}

function end(stdin: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const event of ['finish', 'error', 'close']) stdin.once(event, () => resolve())
  stdin.end()
  return promise
}

function drop(input: Readable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const event of ['end', 'error', 'close']) input.once(event, () => resolve())
  if (input.readableEnded || input.destroyed) resolve()
  else input.resume()
  return promise
}
