import type { ProbeKind } from '../manifest/probe.ts'

/** What keeps a pod, or a container of it, from being what it should be. */
export interface Trouble {
  /** Undefined when it is the pod's own. */
  readonly container?: string
  /** What fails: the pod's work, getting an image, the start of a container, or a probe. */
  readonly of: 'pod' | 'image' | 'start' | ProbeKind
  /** Of a probe: whether the container is to be killed for it. */
  readonly kills?: boolean
  /** In the words of whatever failed; empty when a probe has not answered yet. */
  readonly message: string
}

/** A trouble in one line. */
export function describeTrouble({ container, of, kills, message }: Trouble): string {
  const whose = container === undefined ? '' : `${container}: `
  if (of === 'pod' || of === 'image' || of === 'start') return `${whose}${message}`
  if (message === '') return `${whose}its ${of} probe has not succeeded yet`
  return `${whose}its ${of} probe ${kills ? 'failed, so it is killed' : 'fails'}: ${message}`
}
