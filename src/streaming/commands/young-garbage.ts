import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** After so many bytes have passed, their buffers are freed. */
const intervalBytes = 8 * 1024 * 1024

let passed = 0
let collect: ((options: { readonly type: 'minor' }) => void) | undefined

/**
 * To be told of the bytes that are streamed. Each piece comes in a buffer of its own, of 64 KiB or so, outside of V8's heap:
 * V8 lets 64 MB of them gather, and more when it is busy, before it looks which are still in use. A collection of the young
 * objects alone, which they are, takes less than a millisecond.
 */
export function bytesPassed(bytes: number): void {
  passed += bytes
  if (passed < intervalBytes) return
  passed = 0
  collect ??= collector()
  collect({ type: 'minor' })
}

/** `gc` is in contexts that are made after the flag was set; the one of this program stays without. */
function collector(): (options: { readonly type: 'minor' }) => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
