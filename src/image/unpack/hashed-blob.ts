import { createHash } from 'node:crypto'
import { type GrowingFile, GrowingFileReader } from './growing-file.ts'

/** A compressed layer, hashed as it is read. */
export class HashedBlob {
  readonly #algorithm: string
  readonly #hash: ReturnType<typeof createHash>
  readonly #reader: GrowingFileReader
  #bytes = 0
  #failure: { readonly error: unknown } | undefined

  /** Throws when nobody knows the algorithm. To be closed. */
  constructor(file: GrowingFile, algorithm: string) {
    this.#algorithm = algorithm
    this.#hash = createHash(algorithm)
    this.#reader = new GrowingFileReader(file)
  }

  /** What comes next, good until the next call; undefined at the end. Throws an AbandonedError, and errors of reading. */
  async next(): Promise<Buffer | undefined> {
    try {
      return this.#hashed(await this.#reader.next())
    } catch (error) {
      throw this.#fails(error)
    }
  }

  /** As {@link next}, but without waiting: undefined also when there is no more yet. */
  now(): Buffer | undefined {
    try {
      return this.#hashed(this.#reader.now())
    } catch (error) {
      throw this.#fails(error)
    }
  }

  /** Throws what {@link next} or {@link now} have thrown before, if they have. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Reads to the end; answers the digest of it all, `sha256:…`, and its length. */
  async finish(): Promise<{ readonly blobDigest: string; readonly blobBytes: number }> {
    while (await this.next()) {
      // Hashed on the way.
    }
    return { blobDigest: `${this.#algorithm}:${this.#hash.digest('hex')}`, blobBytes: this.#bytes }
  }

  close(): void {
    this.#reader.close()
  }

  #hashed(chunk: Buffer | undefined): Buffer | undefined {
    if (chunk) this.#hash.update(chunk)
    this.#bytes += chunk?.length ?? 0
    return chunk
  }

  #fails(error: unknown): unknown {
    this.#failure = { error }
    return error
  }
}
