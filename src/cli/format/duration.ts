import { invalidArgument } from '../../lib/errors.ts'

const unitMs = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/**
 * A duration in milliseconds from what a user writes: "90s", "1m30s", "500ms", "1.5h"; a number alone is seconds.
 *
 * @throws BerthError invalid-argument
 */
export function parseDuration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/gy)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw invalidArgument(`"${text}" is not a duration: write it like 30s, 1m30s or 500ms`)
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit as keyof typeof unitMs], 0)
}
