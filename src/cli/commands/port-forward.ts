import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { resolvePod } from '../resolve.ts'
import { parsePortPair } from '../streaming/port-pair.ts'
import type { TlsFiles } from '../../client/streaming/tls-files.ts'
import { addTlsOptions } from '../streaming/tls-options.ts'

interface Options extends TlsFiles {
  readonly address: string
}

export function addPortForward(program: Command, cli: Cli): void {
  const command = program
    .command('port-forward <pod> <ports...>')
    .description('carry connections to ports of this machine into a pod: 8080:80, 80, or :80 for any free port here')
    .option('--address <address>', 'the address to listen on', '127.0.0.1')
  addTlsOptions(command).action(async (query: string, ports: string[], options: Options) => {
    const { address } = options
    const pairs = ports.map(parsePortPair)
    const podSandboxId = await resolvePod(cli, query)
    const { signal } = cli.terminal
    const { forwardPort } = await import('../streaming/port-forward.ts')
    const servers = await Promise.all(
      pairs.map((pair) => forwardPort(cli, podSandboxId, pair, { address, tls: options })),
    )
    for (const [index, server] of servers.entries()) {
      const { port } = server.address() as AddressInfo
      cli.print(`Forwarding from ${address}:${port} -> ${pairs[index]?.remote}`)
    }
    if (!signal.aborted) await once(signal, 'abort')
    for (const server of servers) server.close()
  })
}
