/** Something that is not as it should be, as `berth check` shows it. Plain data. */
export interface Finding {
  /** What it is about. */
  readonly kind: 'records' | 'sandbox' | 'container' | 'files' | 'mount' | 'cgroup' | 'network' | 'process' | 'image'
  /** An id or a path. */
  readonly subject: string
  /** What is wrong, for people. */
  readonly problem: string
  /** What Berth does about it: `sweep` what nobody owns, `repair` what somebody owns, or nothing but tell (`report`). */
  readonly remedy: 'sweep' | 'repair' | 'report'
  /** Why the remedy failed, when it was tried. */
  readonly error?: string
}
