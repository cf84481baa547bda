import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import type { Command } from 'commander'
import { invalidArgument, messageOf } from '../../lib/errors.ts'

/** Files in PEM, as the options of {@link addTlsOptions} name them. */
export interface TlsFiles {
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

/** For runtimes whose streaming server wants TLS; they answer URLs with https. */
export function addTlsOptions(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'certificates that sign that of the streaming server; on loopback any will do without')
    .option('--tls-cert <file>', 'certificate to show the streaming server')
    .option('--tls-key <file>', 'key of that certificate')
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
