import { messageOf } from '../lib/errors.ts'
import type { Diagnosis } from './diagnosis.ts'

/** What came of mending something: undefined when it went well, else why it did not. */
export interface FixOutcome {
  readonly check: string
  readonly failure?: string
}

/** Mends what can be mended safely, one after the other. */
export async function fixAll(diagnoses: readonly Diagnosis[]): Promise<FixOutcome[]> {
  const outcomes: FixOutcome[] = []
  for (const { check, status, fix } of diagnoses) {
    if (status === 'ok' || !fix) continue
    try {
      await fix()
      outcomes.push({ check })
    } catch (error) {
      outcomes.push({ check, failure: messageOf(error) })
    }
  }
  return outcomes
}
