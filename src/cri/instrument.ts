import type { Message } from '@bufbuild/protobuf'
import { type Metadata, status } from '@grpc/grpc-js'
import { BerthError } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { rootSpan } from '../lib/span.ts'
import type { Call, Calls } from '../observe/calls.ts'
import type { Happenings } from '../observe/own/happenings.ts'
import type { Traces } from '../observe/traces.ts'
import { grpcStatus } from './status-code.ts'
import { traceContextOf } from './trace-context.ts'

/** RPCs that only look. The kubelet sends them every second: they are logged when they fail. */
const quiet = /^(Version|Status|RuntimeConfig|.*List.*|.*Status|.*Stats|.*Metrics|.*FsInfo|Stream.*|Get.*|ExecSync)$/

/** Whether a user may ask what became of a call: not of one that only looks. */
const isRemembered = (name: string) => !quiet.test(name) || name === 'ExecSync'

export interface Observers {
  readonly log: Logger
  readonly traces: Traces
  readonly calls: Calls
  readonly happenings: Pick<Happenings, 'calls' | 'failedCalls'>
}

/**
 * Runs one RPC: logs it with its time, traces it, remembers its failure, and turns whatever it throws into a gRPC status. Log
 * and trace name the distributed trace that the caller's `traceparent` tells of.
 */
export async function instrument<T>(
  name: string,
  { log, traces, calls, happenings }: Observers,
  { request, metadata }: { readonly request: Message; readonly metadata: Metadata },
  run: () => Promise<T>,
): Promise<T> {
  const began = performance.now()
  const { sampled, ...trace } = traceContextOf(metadata) ?? {}
  const about = { ...subject(request), ...trace }
  const took = () => {
    const ms = performance.now() - began
    happenings.calls.observe([name], ms / 1000)
    return Math.round(ms)
  }
  const call = isRemembered(name) ? calls.begin(name, request) : undefined
  const fields = { rpc: name, ...about, ...(call && namesIn(call)) }
  const isExported = traces.isExported(sampled)
  let result: T | undefined
  try {
    const answer = quiet.test(name)
      ? await run()
      : await rootSpan(
          name,
          (root) =>
            traces.add({ ...about, ...subject(result as object | undefined), ...(call && { call }), root }, isExported),
          async () => {
            result = await run()
            return result
          },
        )
    const ms = took()
    if (call) calls.succeeded(call)
    if (quiet.test(name)) log.debug({ ...fields, ms }, name)
    else log.info({ ...fields, ...subject(result as object | undefined), ms }, name)
    return answer
  } catch (error) {
    const failure = grpcStatus(error)
    if (call) calls.failed(call, error)
    const ms = took()
    happenings.failedCalls.add([name, status[failure.code]])
    // Anything but a BerthError is a case that nobody thought of: it is logged with its place.
    const stack = error instanceof BerthError ? undefined : (error as Error | undefined)?.stack
    log.warn({ ...fields, ms, code: status[failure.code], error: failure.details, stack }, `${name} failed`)
    throw Object.assign(new Error(failure.details), failure)
  }
}

/** The names behind the ids, for the log. */
function namesIn({ pod, container }: Call): Record<string, string> {
  return {
    ...(pod && { pod: `${pod.namespace}/${pod.name}` }),
    ...(container !== undefined && { containerName: container }),
  }
}

/** What the request is about, for the log. Never its configuration, which may hold secrets. */
function subject(message: object | undefined): Record<string, unknown> {
  const fields = (message ?? {}) as { podSandboxId?: string; containerId?: string; image?: { image?: string } }
  return {
    ...(fields.podSandboxId && { sandbox: fields.podSandboxId }),
    ...(fields.containerId && { container: fields.containerId }),
    ...(fields.image?.image && { image: fields.image.image }),
  }
}
