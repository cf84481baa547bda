import { createHash, type Hash } from 'node:crypto'
import koffi, { type KoffiFunc } from 'koffi'

/** The digest functions of OpenSSL (EVP_DigestInit(3)), which Node has in itself or is linked with. */
interface OpenSsl {
  readonly newContext: KoffiFunc<() => bigint>
  readonly typeOf: KoffiFunc<(name: string) => bigint | null>
  readonly init: KoffiFunc<(context: bigint, type: bigint, engine: null) => number>
  readonly update: KoffiFunc<(context: bigint, data: Uint8Array, length: number) => number>
  readonly finish: KoffiFunc<(context: bigint, digest: Uint8Array, length: Uint8Array) => number>
  readonly free: KoffiFunc<(context: bigint) => void>
}

/** Once a thread; null: this Node does not show them. */
let openSsl: OpenSsl | null | undefined

/** EVP_MAX_MD_SIZE. Bytes. */
const longestDigest = 64

/** A hash that is made on libuv's pool, so that the calling thread can use the bytes at the same time. */
export class PoolHash {
  /** Without OpenSSL's functions: on this thread. */
  readonly #fallback: Hash | undefined
  #context: bigint | undefined

  /** Throws when nobody knows the algorithm. To be closed. */
  constructor(algorithm: string) {
    openSsl ??= load()
    const type = openSsl?.typeOf(algorithm)
    if (!openSsl || !type) {
      this.#fallback = createHash(algorithm)
      return
    }
    this.#context = openSsl.newContext()
    if (openSsl.init(this.#context, type, null) !== 1) throw new Error(`OpenSSL cannot make ${algorithm} hashes`)
  }

  /** Takes bytes, which nobody may change until this has resolved; nor may this, or {@link updateHere}, be called again before. */
  async update(bytes: Buffer): Promise<void> {
    if (this.#fallback) {
      this.#fallback.update(bytes)
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const { update } = openSsl as OpenSsl
    update.async(this.#context as bigint, bytes, bytes.length, (error: unknown, result: number) =>
      error ? reject(error) : resolve(result),
    )
    check(await promise)
  }

  /** As {@link update}, on this thread. */
  updateHere(bytes: Buffer): void {
    if (this.#fallback) this.#fallback.update(bytes)
    else check((openSsl as OpenSsl).update(this.#context as bigint, bytes, bytes.length))
  }

  /** The hash of all of it, in hexadecimal digits; once, and nothing after it but {@link close}. */
  digest(): string {
    if (this.#fallback) return this.#fallback.digest('hex')
    const digest = Buffer.alloc(longestDigest)
    const length = Buffer.alloc(4)
    const { finish } = openSsl as OpenSsl
    if (finish(this.#context as bigint, digest, length) !== 1) throw new Error('OpenSSL cannot finish a hash')
    return digest.toString('hex', 0, length.readUInt32LE(0))
  }

  /** Gives its memory back; safe to call again. No {@link update} may be under way. */
  close(): void {
    if (this.#context !== undefined) openSsl?.free(this.#context)
    this.#context = undefined
  }
}

function check(result: number): void {
  if (result !== 1) throw new Error('OpenSSL cannot go on with a hash')
}

function load(): OpenSsl | null {
  try {
    const program = koffi.load(null)
    return {
      newContext: program.func('void *EVP_MD_CTX_new()'),
      typeOf: program.func('void *EVP_get_digestbyname(const char *name)'),
      init: program.func('int EVP_DigestInit_ex(void *context, void *type, void *engine)'),
      update: program.func('int EVP_DigestUpdate(void *context, const void *data, size_t length)'),
      finish: program.func('int EVP_DigestFinal_ex(void *context, void *digest, void *length)'),
      free: program.func('void EVP_MD_CTX_free(void *context)'),
    }
  } catch {
    return null
  }
}
