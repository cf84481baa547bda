import { invalidArgument } from '../../lib/errors.ts'

export interface PortPair {
  /** On this machine; 0 for any free one. */
  readonly local: number
  /** In the pod. */
  readonly remote: number
}

/** `8080:80`, `80` (the same on both sides), `:80` (any free port here). */
export function parsePortPair(text: string): PortPair {
  const [, colon, remote] = /^(?:(\d*):)?(\d+)$/.exec(text) ?? []
  const pair = { local: Number(colon === undefined ? remote : colon || 0), remote: Number(remote) }
  if (!(pair.local <= 65535 && pair.remote >= 1 && pair.remote <= 65535)) {
    throw invalidArgument(`"${text}" is not a pair of ports: write 8080:80, 80, or :80 for any free port here`)
  }
  return pair
}
