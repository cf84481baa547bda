import type { CallOptions, CriConnection } from '../client/index.ts'

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
