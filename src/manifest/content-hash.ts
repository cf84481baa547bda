import { createHash } from 'node:crypto'

/** Ten hexadecimal digits that stand for what an object says, in whatever order. */
export function contentHash(object: unknown): string {
  const sorted = JSON.stringify(object, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(sorted).digest('hex').slice(0, 10)
}
