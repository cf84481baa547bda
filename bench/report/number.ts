/** Three digits that count, without an exponent: 0.00123, 1.23, 123, 1234. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const magnitude = Math.abs(value)
  if (magnitude === 0) return '0'
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(magnitude)))
  return value.toFixed(Math.min(decimals, 4))
}
