/** CPU time used up to a moment of a clock that never goes back, both in nanoseconds. */
export interface CpuSample {
  readonly at: bigint
  readonly usageNs: bigint
}

/** A rate over less is mostly chance. */
const shortestNs = 1_000_000_000n

/** The present CPU rate of containers and pods, out of the samples that callers take anyway. */
export class CpuRates {
  readonly #known = new Map<string, { base: CpuSample; latest: CpuSample }>()

  /**
   * CPU time per second in nanoseconds (1e9 is one whole core), since the last sample that is at least a second old; the
   * first time since the beginning of `id`.
   *
   * @param bornAt when its usage was 0, by the clock of the samples
   */
  rate(id: string, sample: CpuSample, bornAt: bigint): bigint {
    const known = this.#known.get(id)
    const fits = known && known.latest.usageNs <= sample.usageNs
    const base = !fits ? { at: bornAt, usageNs: 0n } : isOld(known.latest, sample) ? known.latest : known.base
    if (!fits || base === known.latest) this.#known.set(id, { base, latest: sample })
    const ns = sample.at - base.at
    return ns <= 0n ? 0n : ((sample.usageNs - base.usageNs) * 1_000_000_000n) / ns
  }

  forget(id: string): void {
    this.#known.delete(id)
  }
}

function isOld(sample: CpuSample, now: CpuSample): boolean {
  return now.at - sample.at >= shortestNs
}
