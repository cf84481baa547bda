import { type CallOptions, type CriConnection, CriError } from '../client/index.ts'
import { messageOf } from '../lib/errors.ts'

/** How the runtime is reached, and people are told. */
export interface Access {
  readonly cri: CriConnection
  /** Options of calls that only ask. */
  readonly ask: CallOptions
  /** Options of calls that do work, such as a pull. */
  readonly work: CallOptions
  /** Says something to whoever reads along; not a failure. */
  note(line: string): void
}

/** What went wrong, for people. The message of a CriError already says what gRPC did, in better words than its cause. */
export const wordsOf = (error: unknown) => (error instanceof CriError ? error.message : messageOf(error))
