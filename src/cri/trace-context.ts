/** The distributed trace that a call belongs to, in hexadecimal digits: the kubelet's, when it traces. */
export interface TraceContext {
  /** 32 digits. */
  readonly traceId: string
  /** 16 digits: the span of the caller. */
  readonly parentSpan: string
  /** Whether the caller exports its span. */
  readonly sampled: boolean
}

/** What the caller says in `traceparent` (W3C Trace Context, level 1); undefined without one, or when it is no such thing. */
export function traceContextOf(header: string | undefined): TraceContext | undefined {
  const match = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/.exec(
    header ?? '',
  )
  if (!match) return undefined
  const [, traceId = '', parentSpan = '', flags = ''] = match
  return { traceId, parentSpan, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
