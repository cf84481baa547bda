import { closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { faultPoint } from '../lib/fault-point.ts'
import { contentMismatch, registryUnavailable } from './errors.ts'
import type { Descriptor } from './manifest.ts'
import type { RegistryClient } from './registry/registry-client.ts'
import { delayBefore, type RetryPolicy, wait } from './registry/retry.ts'
import { TransportError } from './registry/transport.ts'
import type { GrowingFileWriter } from './unpack/growing-file.ts'

export interface DownloadRequest {
  readonly client: RegistryClient
  readonly blob: Descriptor
  /** The full reference, for messages. */
  readonly image: string
  /** What an interrupted pull has left in the file is kept, and only the rest fetched. */
  readonly file: GrowingFileWriter
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
}

/** A broken connection counts as a failed try unless it brought at least this many bytes. */
const worthwhile = 256 * 1024

/**
 * Downloads a blob to a file, going on where a broken connection stopped (RFC 9110 §14, Range). The bytes are not checked
 * here but for their number: the worker that reads the file hashes them anyway. Answers how many bytes were there before.
 * Writes synchronously: made for a thread of its own.
 */
export async function downloadBlob(request: DownloadRequest): Promise<number> {
  const { blob, file, signal, retry, client } = request
  const output = openSync(file.file.path, constants.O_RDWR | constants.O_CREAT, 0o600)
  try {
    let received = fstatSync(output).size
    if (received > blob.size) {
      ftruncateSync(output)
      received = 0
    }
    const advance = (bytes: number) => {
      received = bytes
      file.advance(bytes)
    }
    const resumedFrom = received
    advance(received)
    for (let next = 2; received < blob.size; ) {
      const before = received
      try {
        await receive(request, output, received, advance)
        if (received < blob.size)
          throw new TransportError(`ended a layer after ${received} of ${blob.size} bytes`, true)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof TransportError)) throw error
        if (received - before >= worthwhile) next = 2
        if (!error.transient || next > retry.attempts) {
          throw registryUnavailable(request.image, client.name, error.message, error)
        }
        await wait(delayBefore(next++, error, retry), signal)
      }
    }
    faultPoint('download:received')
    file.complete()
    return resumedFrom
  } finally {
    closeSync(output)
  }
}

async function receive(
  { client, blob, image, signal }: DownloadRequest,
  output: number,
  from: number,
  advance: (bytes: number) => void,
): Promise<void> {
  const stream = await client.getBlob(blob, from, signal)
  // A registry that does not know Range starts over: what is here already is passed over.
  let skip = from - stream.start
  let at = from
  await stream.each((chunk) => {
    const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length))
    skip -= chunk.length - fresh.length
    if (fresh.length === 0) return
    if (at + fresh.length > blob.size) {
      throw contentMismatch(image, `layer ${blob.digest}`, `${blob.size} bytes`, `at least ${at + fresh.length}`)
    }
    for (let done = 0; done < fresh.length; ) {
      done += writeSync(output, fresh, done, fresh.length - done, at + done)
    }
    at += fresh.length
    advance(at)
    release(chunk)
  })
}

/** Frees a piece that nobody else has now. The garbage collector would let tens of megabytes of them come together first. */
function release({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0)
}
