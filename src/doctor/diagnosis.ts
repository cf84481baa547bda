/** What one check found. */
export interface Diagnosis {
  /** What was looked at: `cgroups`. */
  readonly check: string
  readonly status: 'ok' | 'warning' | 'broken'
  /** What it is like. */
  readonly found: string
  /** Why it matters; absent when all is well. */
  readonly why?: string
  /** The command that mends it, or else what to do. */
  readonly mend?: string
  /** Mends it where that is safe: it can be undone, and nothing that runs is disturbed. */
  readonly fix?: () => Promise<void> | void
}

export const ok = (check: string, found: string): Diagnosis => ({ check, status: 'ok', found })

interface Trouble {
  readonly found: string
  readonly why: string
  readonly mend: string
  readonly fix?: Diagnosis['fix']
}

export const warning = (check: string, trouble: Trouble): Diagnosis => ({ check, status: 'warning', ...trouble })

/** Pods do not run, or not as they should, until this is mended. */
export const broken = (check: string, trouble: Trouble): Diagnosis => ({ check, status: 'broken', ...trouble })
