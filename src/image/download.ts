import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
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
  /** How many bytes are there now. */
  readonly onBytes: (bytes: number) => void
}

/** A broken connection counts as a failed try unless it brought at least this many bytes. */
const worthwhile = 256 * 1024

/**
 * Downloads a blob to a file, going on where a broken connection stopped (RFC 9110 §14, Range). The bytes are not checked
 * here but for their number: the worker that reads the file hashes them anyway. Answers how many bytes were there before.
 */
export async function downloadBlob(request: DownloadRequest): Promise<number> {
  const { blob, file, signal, retry, client } = request
  await using output = await openForAppending(file.file.path)
  let received = (await output.stat()).size
  if (received > blob.size) {
    await output.truncate(0)
    received = 0
  }
  const advance = (bytes: number) => {
    received = bytes
    file.advance(bytes)
    request.onBytes(bytes)
  }
  const resumedFrom = received
  advance(received)
  for (let next = 2; received < blob.size; ) {
    const before = received
    try {
      await receive(request, output, received, advance)
      if (received < blob.size) throw new TransportError(`ended a layer after ${received} of ${blob.size} bytes`, true)
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
  file.complete()
  return resumedFrom
}

async function receive(
  { client, blob, image, signal }: DownloadRequest,
  output: FileHandle,
  from: number,
  advance: (bytes: number) => void,
): Promise<void> {
  const stream = await client.getBlob(blob, from, signal)
  // A registry that does not know Range starts over: what is here already is passed over.
  let skip = from - stream.start
  let at = from
  for await (const chunk of stream.chunks()) {
    const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length))
    skip -= chunk.length - fresh.length
    if (fresh.length === 0) continue
    if (at + fresh.length > blob.size) {
      throw contentMismatch(image, `layer ${blob.digest}`, `${blob.size} bytes`, `at least ${at + fresh.length}`)
    }
    await writeAll(output, fresh, at)
    at += fresh.length
    advance(at)
  }
}

/** Read and write, made when absent; positions are given, so no O_APPEND. */
async function openForAppending(path: string): Promise<FileHandle> {
  await using _made = await open(path, 'a', 0o600)
  return await open(path, 'r+')
}

async function writeAll(output: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let at = 0; at < data.length; ) {
    const { bytesWritten } = await output.write(data, at, data.length - at, position + at)
    at += bytesWritten
  }
}
