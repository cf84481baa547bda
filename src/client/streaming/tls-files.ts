import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { invalidArgument, messageOf } from '../../lib/errors.ts'

/** Files in PEM, for runtimes whose streaming server wants TLS: authorities, and the certificate to show with its key. */
export interface TlsFiles {
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

/** @throws invalid-argument for a file that cannot be read */
export function tlsOptions(address: URL, { tlsCa, tlsCert, tlsKey }: TlsFiles): RequestOptions {
  return {
    // A runtime on this machine has a certificate that nobody signed, and nobody in between.
    rejectUnauthorized: tlsCa !== undefined || !/^(localhost|127\..*|\[::1\])$/.test(address.hostname),
    ...(tlsCa !== undefined && { ca: read(tlsCa) }),
    ...(tlsCert !== undefined && { cert: read(tlsCert) }),
    ...(tlsKey !== undefined && { key: read(tlsKey) }),
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw invalidArgument(`${path} cannot be read: ${messageOf(error)}`, error)
  }
}
