import { describeSize } from '../format/size.ts'
import type { Pull } from './pull.ts'

/** What is new in a pull since `before`, as lines for a log: one for each layer that has come to another stage. */
export function describeChanges(before: Pull | undefined, now: Pull): string[] {
  const stages = new Map(before?.layers.map(({ digest, stage }) => [digest, stage]))
  const layers = now.layers
    .filter(({ digest, stage }) => stage !== 'waiting' && stages.get(digest) !== stage)
    .map(({ digest, stage, totalBytes }) => {
      return `${digest.replace(/^[^:]*:/, '').slice(0, 12)}: ${stage} (${describeSize(totalBytes)})`
    })
  return before?.stage === now.stage ? layers : [`${now.image}: ${now.stage}`, ...layers]
}
