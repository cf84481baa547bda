/** One number of one container or pod. */
export interface Metric {
  readonly name: string
  readonly type: MetricType
  /** Nanoseconds since the epoch. */
  readonly at: bigint
  /** In the order of the descriptor's `labelKeys`. */
  readonly labelValues: readonly string[]
  readonly value: bigint
}

export type MetricType = 'counter' | 'gauge'

/** A kind of metric, and how to get its values out of what was looked at. */
export interface MetricFamily<Source> {
  readonly name: string
  readonly help: string
  readonly type: MetricType
  /** Labels beside those that say whose it is. */
  readonly labels?: readonly string[]
  /** None when the machine does not count it. */
  readonly values: (source: Source) => readonly MetricValue[]
}

export interface MetricValue {
  /** CRI takes whole numbers only: fractions are cut off. */
  readonly value: number | bigint
  /** The values of `labels`. */
  readonly labels?: readonly string[]
}

/** One value, or none when it is not known. */
export function one(value: number | bigint | undefined): readonly MetricValue[] {
  return value === undefined ? [] : [{ value }]
}
