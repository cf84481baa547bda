import type { Command } from 'commander'

/** For runtimes whose streaming server wants TLS; they answer URLs with https. */
export function addTlsOptions(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'certificates that sign that of the streaming server; on loopback any will do without')
    .option('--tls-cert <file>', 'certificate to show the streaming server')
    .option('--tls-key <file>', 'key of that certificate')
}
