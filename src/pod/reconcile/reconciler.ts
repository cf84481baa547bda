import { messageOf } from '../../lib/errors.ts'
import { Tally } from '../../lib/tally.ts'
import type { Finding } from '../../state/finding.ts'
import type { PodParts } from '../parts.ts'
import { unlikelyContainers } from './containers.ts'
import type { Disorder } from './disorder.ts'
import { FirstSeen } from './first-seen.ts'
import { strayAttachments } from './stray-attachments.ts'
import { strayCgroups } from './stray-cgroups.ts'
import { strayFiles } from './stray-files.ts'
import { strayMounts } from './stray-mounts.ts'
import { strayRuntimeState } from './stray-runtime-state.ts'
import { strayShims } from './stray-shims.ts'
import { unlikelySandboxes } from './sandboxes.ts'

/** What the rounds of the reconciler have found since berthd started. */
export interface Reconciliation {
  /** By the last round, those of the records among them. */
  readonly findings: readonly Finding[]
  /** On the machine, by kind and remedy; what is found again the next time is counted once. */
  readonly found: Tally
  /** Attempts to put something in order that failed. */
  readonly failures: number
  readonly rounds: number
}

/**
 * Holds the machine against the records. What no record owns is swept: it was left by a crash between a side effect and its
 * undo, or by an undo that failed. What has an owner is repaired, or told of. Safe at any time: a record is there before the
 * first side effect, and goes after the last. Nothing is touched that is not provably Berth's.
 */
export class Reconciler {
  readonly #parts: PodParts
  readonly #seen = new FirstSeen()
  /** What was told of already, so that the log does not say it every minute. */
  #told = new Set<string>()
  #running: Promise<Finding[]> | undefined
  readonly #found = new Tally('kind', 'remedy')
  #findings: readonly Finding[] = []
  #failures = 0
  #rounds = 0

  constructor(parts: PodParts) {
    this.#parts = parts
  }

  /** What came of it so far. */
  get reconciliation(): Reconciliation {
    return { findings: this.#findings, found: this.#found, failures: this.#failures, rounds: this.#rounds }
  }

  /** What is not in order; nothing is changed. */
  check(): Finding[] {
    return [...this.#parts.records.findings(), ...this.#disorders().map(findingOf)]
  }

  /** Puts in order what can be, and answers what there was. One run at a time. */
  run(): Promise<Finding[]> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<Finding[]> {
    const disorders = this.#disorders()
    const findings = await Promise.all(disorders.map((disorder) => this.#mend(disorder)))
    this.#told = new Set(disorders.map(nameOf))
    this.#findings = [...this.#parts.records.findings(), ...findings]
    this.#rounds++
    return [...this.#findings]
  }

  async #mend({ mend, ...finding }: Disorder): Promise<Finding> {
    const { kind, subject, problem, remedy } = finding
    if (!this.#told.has(nameOf(finding))) {
      this.#found.add([kind, remedy])
      this.#parts.log.warn({ kind, subject, remedy }, `not in order: ${kind} ${subject} ${problem}`)
    }
    try {
      await mend?.()
      return finding
    } catch (error) {
      this.#failures++
      this.#parts.log.error({ kind, subject, error: messageOf(error) }, 'it cannot be put in order yet')
      return { ...finding, error: messageOf(error) }
    }
  }

  #disorders(): Disorder[] {
    const parts = this.#parts
    const found = [strayFiles, strayMounts, strayAttachments, strayCgroups, strayRuntimeState, strayShims].flatMap(
      (look) => this.#attempt(() => look(parts, this.#seen)),
    )
    const owned = [unlikelySandboxes, unlikelyContainers].flatMap((look) =>
      this.#attempt(() => look(parts, this.#seen)),
    )
    this.#seen.forgetOthers()
    return [...found, ...owned]
  }

  /** One part of the machine that cannot be looked at does not hide the others. */
  #attempt(look: () => Disorder[]): Disorder[] {
    try {
      return look()
    } catch (error) {
      this.#parts.log.error({ error: messageOf(error) }, 'a part of the machine cannot be looked at')
      return []
    }
  }
}

function nameOf({ kind, subject, problem }: Finding): string {
  return `${kind} ${subject} ${problem}`
}

function findingOf({ kind, subject, problem, remedy }: Disorder): Finding {
  return { kind, subject, problem, remedy }
}
