import type { Finding } from '../../state/finding.ts'

/** Something on the machine that the records do not account for, or something in the records that the machine does not have. */
export interface Disorder extends Finding {
  /** Puts it in order; absent when Berth can only tell of it. It looks again first: time has passed. */
  readonly mend?: () => Promise<void>
}
