import { containerRules } from './rules/containers.ts'
import { diskRules } from './rules/disks.ts'
import { networkRules } from './rules/networks.ts'
import { pullRules } from './rules/pulls.ts'
import type { Layer } from './explanation.ts'

/** A call that failed, as the runtime tells it. */
export interface FailedRequest {
  readonly rpc: string
  readonly message: string
  /** As Berth calls it: `invalid-argument`. */
  readonly code?: string
  readonly image?: string
  /** Whether the image is on this node nevertheless. */
  readonly imageIsHere?: boolean
  readonly stage?: string
  readonly lastAt?: number
  readonly count?: number
}

/** How a failure is known, and what it means. */
export interface Rule {
  /** The call, when the words alone do not tell. */
  readonly rpc?: RegExp
  readonly words: RegExp
  readonly layer: Layer
  readonly what: string
  readonly next: (found: RegExpExecArray, request: FailedRequest) => string
}

/**
 * The failures whose words are known: those of Berth, of containerd and of CRI-O, and of what all of them pass on. The first
 * that fits is it, so what is special comes before what is general.
 */
export const failureRules: readonly Rule[] = [...diskRules, ...pullRules, ...networkRules, ...containerRules]
