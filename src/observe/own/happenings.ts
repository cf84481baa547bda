import { Histogram, Tally } from '../../lib/tally.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import type { RecordListener } from '../../state/store.ts'

/** Seconds. Most calls take milliseconds; stops and pulls take as long as their containers and registries do. */
const callBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/**
 * What has happened since berthd started, counted as it happens: a few additions for a call. What there is at a moment is not
 * here; it is looked at when somebody asks (`families.ts`).
 */
export class Happenings {
  /** RPCs that have ended, well or not. */
  readonly calls = new Histogram(callBounds, 'method')
  readonly failedCalls = new Tally('method', 'code')
  /** Operations by what they were doing. */
  readonly stages = new Histogram(callBounds, 'operation', 'stage')
  readonly failedStages = new Tally('operation', 'stage')
  readonly containerExits = new Tally('reason')
  lostShims = 0

  constructor(containers: { watch(listener: RecordListener<ContainerRecord>): void }) {
    containers.watch((before, after) => {
      if (after?.state.phase !== 'exited' || before?.state.phase === 'exited') return
      this.containerExits.add([after.state.reason])
    })
  }

  stageEnded(operation: string, stage: string, ms: number, failed: boolean): void {
    this.stages.observe([operation, stage], ms / 1000)
    if (failed) this.failedStages.add([operation, stage])
  }
}
