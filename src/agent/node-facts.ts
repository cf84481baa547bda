import { availableParallelism, hostname, networkInterfaces, totalmem } from 'node:os'
import type { NodeFacts } from '../manifest/facts.ts'

/** What this machine is, in Kubernetes' terms. */
export function nodeFacts(): NodeFacts {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const outer = addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  const ips = outer.map(({ address }) => address)
  return {
    name: hostname().toLowerCase(),
    ips: ips.length > 0 ? ips : ['127.0.0.1'],
    memory: totalmem(),
    cores: availableParallelism(),
  }
}
