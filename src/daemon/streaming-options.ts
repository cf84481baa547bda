import { readFileSync } from 'node:fs'
import { invalidArgument, messageOf } from '../lib/errors.ts'
import type { StreamingOptions } from '../streaming/server.ts'
import type { Config } from './config.ts'

/** The streaming server's options from the `[streaming]` table; throws invalid-argument when a file cannot be read. */
export function streamingOptions({ address, port, tls_cert, tls_key }: Config['streaming']): StreamingOptions {
  if (tls_cert === undefined || tls_key === undefined) return { address, port }
  return { address, port, tls: { cert: read('tls_cert', tls_cert), key: read('tls_key', tls_key) } }
}

function read(key: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw invalidArgument(`streaming.${key}: ${path} cannot be read: ${messageOf(error)}`, error)
  }
}
