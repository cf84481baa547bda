import { randomBytes } from 'node:crypto'

/** A new sandbox or container id: 64 lower-case hex digits, as the kubelet's cAdvisor requires of every runtime. */
export function newId(): string {
  return randomBytes(32).toString('hex')
}

/** The first 12 digits of an id, as tables and log lines show it. */
export function shortId(id: string): string {
  return id.slice(0, 12)
}
