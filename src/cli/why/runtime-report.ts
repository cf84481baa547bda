import type { Cli } from '../cli.ts'
import { parseInfo } from '../format/json.ts'

/**
 * What berthd tells of its work in the `info` of a verbose Status. Other runtimes tell nothing of the kind: then all lists are
 * empty.
 */
export interface RuntimeReport {
  readonly calls: readonly ReportedCall[]
  readonly operations: readonly ReportedOperation[]
  readonly pulls: readonly ReportedPull[]
  readonly failures: readonly ReportedFailure[]
  /** The conditions that are not met: `NetworkReady`, with why. */
  readonly unmet: readonly { readonly type: string; readonly message: string }[]
}

/** Whom a call is about. */
export interface CallSubject {
  readonly rpc: string
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string }
  readonly sandboxId?: string
  readonly container?: string
  readonly containerId?: string
  readonly image?: string
}

export interface ReportedCall extends CallSubject {
  readonly startedAt: number
}

export interface ReportedFailure extends CallSubject {
  readonly code?: string
  readonly message: string
  readonly stage?: string
  readonly firstAt: number
  readonly lastAt: number
  readonly count: number
  /** Of a pull: whether the image is on this node nevertheless. */
  readonly imageIsHere?: boolean
}

/** The key is the id of a container or sandbox, or `<sandbox>/<container>/<attempt>`, or `<namespace>/<name>/<uid>/<attempt>`. */
export interface ReportedOperation {
  readonly name: string
  readonly key: string
  readonly stage: string
  readonly startedAt: number
  readonly stageSince: number
}

export interface ReportedPull {
  readonly image: string
  readonly stage: string
  readonly stageSinceMs: number
  readonly layers: readonly {
    readonly totalBytes: number
    readonly downloadedBytes: number
    readonly stage: string
  }[]
}

export async function readRuntimeReport(cli: Cli): Promise<RuntimeReport> {
  const { status, info } = await cli.cri.runtime.status({ verbose: true }, cli.ask)
  const told = parseInfo(info)
  const list = <Item>(name: string) => (Array.isArray(told[name]) ? (told[name] as Item[]) : [])
  const conditions = status?.conditions ?? []
  return {
    calls: list('calls'),
    operations: list('operations'),
    pulls: list('pulls'),
    failures: await withImagesHere(cli, list('failures')),
    unmet: conditions.filter((condition) => !condition.status).map(({ type, message }) => ({ type, message })),
  }
}

async function withImagesHere(cli: Cli, failures: readonly ReportedFailure[]): Promise<ReportedFailure[]> {
  const pulled = new Set(failures.flatMap(({ rpc, image }) => (rpc === 'PullImage' && image ? [image] : [])))
  const asked = Array.from(pulled, async (image) => {
    // A runtime that cannot tell, or not of such a name, is no reason to say nothing at all.
    const { image: found } = await cli.cri.image
      .imageStatus({ image: { image } }, cli.ask)
      .catch(() => ({ image: undefined }))
    return found ? [image] : []
  })
  const here = new Set((await Promise.all(asked)).flat())
  return failures.map((failure) =>
    failure.rpc === 'PullImage' && here.has(failure.image ?? '') ? { ...failure, imageIsHere: true } : failure,
  )
}
