import { createHash } from 'node:crypto'
import { type GrowingFile, readGrowingFile } from './growing-file.ts'

/** A compressed layer, hashed as it is read. */
export class HashedBlob {
  readonly #algorithm: string
  readonly #hash
  readonly #chunks: AsyncGenerator<Buffer>
  #bytes = 0
  #failure: { readonly error: unknown } | undefined

  /** Throws when nobody knows the algorithm. */
  constructor(file: GrowingFile, algorithm: string) {
    this.#algorithm = algorithm
    this.#hash = createHash(algorithm)
    this.#chunks = readGrowingFile(file)
  }

  /** What comes next, good until the next call; undefined at the end. Throws an AbandonedError, and errors of reading. */
  async next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.#chunks.next()
      if (done) return undefined
      this.#hash.update(value)
      this.#bytes += value.length
      return value
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** Throws what {@link next} has thrown before, if it has. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Reads to the end; answers the digest of it all and its length. */
  async finish(): Promise<{ readonly blobDigest: string; readonly blobBytes: number }> {
    while (await this.next()) {
      // Hashed on the way.
    }
    return { blobDigest: `${this.#algorithm}:${this.#hash.digest('hex')}`, blobBytes: this.#bytes }
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined)
  }
}
