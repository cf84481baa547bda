/** What is measured, in the words of the report. */
export interface Metric {
  /** Unique and stable: `pod.up`. The part before the dot is the case. */
  readonly id: string
  readonly title: string
  readonly unit: 'ms' | '1/s' | 'MiB' | 'KiB' | '%' | 'MB/s' | 's' | 'CPU s' | 'CPU ms' | 'times'
  readonly better: 'lower' | 'higher'
}

/** One metric of all endpoints, the values of each in the order of the rounds. */
export interface Measurement extends Metric {
  /** How many pods were present, where that is what the case varies. */
  readonly pods?: number
  readonly values: Readonly<Record<string, readonly number[]>>
}

/** Collects values as they are measured. */
export class Measurements {
  readonly #all = new Map<string, Measurement & { readonly values: Record<string, number[]> }>()

  add(metric: Metric, endpoint: string, value: number, pods?: number): void {
    const key = `${metric.id}@${pods}`
    const measurement = this.#all.get(key) ?? { ...metric, ...(pods === undefined ? {} : { pods }), values: {} }
    this.#all.set(key, measurement)
    const values = measurement.values[endpoint] ?? []
    measurement.values[endpoint] = values
    values.push(value)
  }

  /** In the order of their first values. */
  all(): Measurement[] {
    return [...this.#all.values()]
  }
}
