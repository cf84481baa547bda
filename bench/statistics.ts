/** The value below which a share of the values lies, by linear interpolation between the two nearest; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]
  const above = sorted[Math.ceil(at)]
  if (below === undefined || above === undefined) return Number.NaN
  return below + (above - below) * (at - Math.floor(at))
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/**
 * How many times as large as `others` `values` are: the median of the ratios within each round. The two of a round were
 * measured one right after the other, so what makes the machine slow for a while weighs on both. Rounds that only one side
 * has do not count; NaN when there is none.
 */
export function medianRatio(values: readonly number[], others: readonly number[]): number {
  const rounds = Math.min(values.length, others.length)
  return median(Array.from({ length: rounds }, (_, round) => (values[round] ?? 0) / (others[round] ?? 0)))
}
