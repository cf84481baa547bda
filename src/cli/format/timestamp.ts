import { invalidArgument } from '../../lib/errors.ts'
import { parseDuration } from './duration.ts'

/** What Go prints for the zero time; crictl shows it for a time that has not come. */
export const zeroTime = '0001-01-01T00:00:00Z'

/** RFC 3339 in UTC of nanoseconds since the epoch, without trailing zeros of the fraction; 0 is {@link zeroTime}. */
export function formatTime(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return zeroTime
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  const fraction = String(nanoseconds % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${seconds}${fraction && `.${fraction}`}Z`
}

/** Nanoseconds since the epoch of an RFC 3339 time with up to nine digits of fraction; undefined when it is none. */
export function parseTime(text: string): bigint | undefined {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text)
  const seconds = parts ? Date.parse(`${parts[1]}${parts[3]}`) / 1000 : Number.NaN
  if (!parts || Number.isNaN(seconds)) return undefined
  return BigInt(seconds) * 1_000_000_000n + BigInt((parts[2] ?? '').padEnd(9, '0'))
}

/**
 * The moment that `--since` means, in nanoseconds: a time, with the local zone where it names none, or a duration ago.
 *
 * @throws BerthError invalid-argument
 */
export function parseSince(text: string, nowMs: number): bigint {
  const exact = parseTime(text)
  if (exact !== undefined) return exact
  if (!/^\d/.test(text) || /^\d{4}-/.test(text)) {
    const ms = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00` : text)
    if (/^\d/.test(text) && !Number.isNaN(ms)) return BigInt(ms) * 1_000_000n
    throw invalidArgument(`"${text}" is not a time: write it like 2026-01-02T13:23:37Z, or a duration like 10m`)
  }
  return BigInt(Math.round(nowMs - parseDuration(text))) * 1_000_000n
}
