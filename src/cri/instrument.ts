import type { Message } from '@bufbuild/protobuf'
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

export interface Observers {
  readonly log: Logger
  /** Whether the log has lines of the level debug now. */
  readonly logsDebug: () => boolean
  readonly traces: Traces
  readonly calls: Calls
  readonly happenings: Pick<Happenings, 'calls' | 'failedCalls'>
}

/** The headers of a call, by names in lower case. */
export interface Headers {
  header(name: string): string | undefined
}

/** Runs one call of an RPC; throws what `work` throws. */
export type Run = <T>(request: Message, headers: Headers, work: () => Promise<T>) => Promise<T>

/**
 * Makes what runs the calls of one RPC: it logs each with its time, traces it, and remembers its failure. Log and trace name the
 * distributed trace that the caller's `traceparent` tells of.
 */
export function instrumented(name: string, observers: Observers): Run {
  const isQuiet = quiet.test(name)
  // Whether a user may ask what became of a call: not of one that only looks.
  const isRemembered = !isQuiet || name === 'ExecSync'
  const { log, logsDebug, calls, happenings } = observers
  return async (request, headers, work) => {
    const began = performance.now()
    const call = isRemembered ? calls.begin(name, request) : undefined
    const took = () => {
      const ms = performance.now() - began
      happenings.calls.observe([name], ms / 1000)
      return Math.round(ms)
    }
    const fields = () => ({ rpc: name, ...subject(request), ...idsOf(headers), ...(call && namesIn(call)) })
    try {
      if (isQuiet) {
        const answer = await work()
        const ms = took()
        if (call) calls.succeeded(call)
        // These calls come all the time: of one that is not logged nothing is put together.
        if (logsDebug()) log.debug({ ...fields(), ms }, name)
        return answer
      }
      const answer = await traced(name, observers, { request, headers, call }, work)
      const ms = took()
      if (call) calls.succeeded(call)
      log.info({ ...fields(), ...subject(answer as object | undefined), ms }, name)
      return answer
    } catch (error) {
      const { code, details } = grpcStatus(error)
      if (call) calls.failed(call, error)
      const ms = took()
      happenings.failedCalls.add([name, code])
      // Anything but a BerthError is a case that nobody thought of: it is logged with its place.
      const stack = error instanceof BerthError ? undefined : (error as Error | undefined)?.stack
      log.warn({ ...fields(), ms, code, error: details, stack }, `${name} failed`)
      throw error
    }
  }
}

function traced<T>(
  name: string,
  { traces }: Observers,
  about: { readonly request: Message; readonly headers: Headers; readonly call: Call | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const { request, headers, call } = about
  const isExported = traces.isExported(traceContextOf(headers.header('traceparent'))?.sampled)
  let result: T | undefined
  return rootSpan(
    name,
    (root) => {
      const subjects = { ...subject(request), ...idsOf(headers), ...subject(result as object | undefined) }
      traces.add({ ...subjects, ...(call && { call }), root }, isExported)
    },
    async () => {
      result = await work()
      return result
    },
  )
}

/** Of the distributed trace that the caller is in. */
function idsOf(headers: Headers): { readonly traceId?: string; readonly parentSpan?: string } {
  const { traceId, parentSpan } = traceContextOf(headers.header('traceparent')) ?? {}
  return traceId === undefined || parentSpan === undefined ? {} : { traceId, parentSpan }
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
