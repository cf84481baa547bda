import { PoolHash } from '../../linux/pool-hash.ts'
import { type GrowingFile, readGrowingFile } from './growing-file.ts'
import type { LayersUnderWay } from './layers-under-way.ts'

/** A compressed layer, hashed as it is read: each piece while it is used. */
export class HashedBlob {
  readonly #algorithm: string
  readonly #hash: PoolHash
  readonly #underWay: LayersUnderWay
  #hashing: Promise<void> | undefined
  readonly #chunks: AsyncGenerator<Buffer>
  #bytes = 0
  #failure: { readonly error: unknown } | undefined

  /** Throws when nobody knows the algorithm. */
  constructor(file: GrowingFile, algorithm: string, underWay: LayersUnderWay) {
    this.#underWay = underWay
    this.#algorithm = algorithm
    this.#hash = new PoolHash(algorithm)
    this.#chunks = readGrowingFile(file)
  }

  /** What comes next, good until the next call; undefined at the end. Throws an AbandonedError, and errors of reading. */
  async next(): Promise<Buffer | undefined> {
    try {
      await this.#hashing
      const { value, done } = await this.#chunks.next()
      if (done) return undefined
      if (this.#underWay.leaveCpus) {
        this.#hashing = this.#hash.update(value)
        // Its failure is met at the next call.
        this.#hashing.catch(() => {})
      } else {
        this.#hashing = undefined
        this.#hash.updateHere(value)
      }
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
    return { blobDigest: `${this.#algorithm}:${this.#hash.digest()}`, blobBytes: this.#bytes }
  }

  async close(): Promise<void> {
    await this.#hashing?.catch(() => {})
    this.#hash.close()
    await this.#chunks.return(undefined)
  }
}
