/** What stands between two values of labels in a key; no value has it. */
const separator = '\0'

/** A count for each combination of the values of some labels. It only goes up. */
export class Tally {
  readonly labels: readonly string[]
  readonly #counts = new Map<string, number>()

  constructor(...labels: readonly string[]) {
    this.labels = labels
  }

  /** @param values one for each label, in the same order */
  add(values: readonly string[], by = 1): void {
    const key = values.join(separator)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by)
  }

  /** The values of the labels, and the count. */
  entries(): (readonly [readonly string[], number])[] {
    return [...this.#counts].map(([key, count]) => [valuesOf(key), count])
  }
}

/** How often each value was how large, for each combination of the values of some labels. */
export class Histogram {
  readonly labels: readonly string[]
  /** The upper bounds of the buckets, rising; there is one more without a bound. */
  readonly bounds: readonly number[]
  readonly #series = new Map<string, Series>()

  constructor(bounds: readonly number[], ...labels: readonly string[]) {
    this.bounds = bounds
    this.labels = labels
  }

  /** @param values one for each label, in the same order */
  observe(values: readonly string[], value: number): void {
    const key = values.join(separator)
    let series = this.#series.get(key)
    if (!series) this.#series.set(key, (series = { counts: new Uint32Array(this.bounds.length + 1), sum: 0 }))
    const at = this.bounds.findIndex((bound) => value <= bound)
    const bucket = at === -1 ? this.bounds.length : at
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    series.sum += value
  }

  entries(): (readonly [readonly string[], Series])[] {
    return [...this.#series].map(([key, series]) => [valuesOf(key), series])
  }
}

export interface Series {
  /** Those of each bucket alone, in the order of the bounds. */
  readonly counts: Uint32Array
  /** All values together. */
  sum: number
}

const valuesOf = (key: string): readonly string[] => (key === '' ? [] : key.split(separator))
