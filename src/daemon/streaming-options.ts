import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { invalidArgument, messageOf } from '../lib/errors.ts'
import type { StreamingOptions } from '../streaming/server.ts'
import type { Config } from '../config/config.ts'

/** The streaming server's options from the `[streaming]` table; throws invalid-argument when a file is of no use. */
export function streamingOptions(config: Config['streaming']): StreamingOptions {
  const { address, port, tls_cert, tls_key, tls_client_ca } = config
  if (tls_cert === undefined || tls_key === undefined) return { address, port }
  const tls = {
    cert: read('tls_cert', tls_cert),
    key: read('tls_key', tls_key),
    ...(tls_client_ca !== undefined && { clientCa: read('tls_client_ca', tls_client_ca) }),
  }
  try {
    createSecureContext({ cert: tls.cert, key: tls.key, ca: tls.clientCa })
  } catch (error) {
    throw invalidArgument(
      `streaming.tls_cert, tls_key or tls_client_ca cannot be used: ${messageOf(error)}; they must be PEM, and the key that of the certificate`,
      error,
    )
  }
  return { address, port, tls }
}

function read(key: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw invalidArgument(`streaming.${key}: ${path} cannot be read: ${messageOf(error)}`, error)
  }
}
