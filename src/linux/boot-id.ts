import { readFileSync } from 'node:fs'

/** What this boot of the machine has and no other (random(4)). */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
