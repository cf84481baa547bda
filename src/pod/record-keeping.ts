import type { Finding } from '../state/finding.ts'

/** What the pod room is told of the state that its records were found in. */
export interface RecordKeeping {
  /** Records were lost with a damaged database: what has none may still be somebody's. */
  readonly lost: boolean
  /** The machine was restarted since the records were written: no process of theirs is left. */
  readonly rebooted: boolean
  /** What is wrong with the records now. */
  findings(): readonly Finding[]
}
