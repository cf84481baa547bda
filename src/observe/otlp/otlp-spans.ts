import { randomBytes } from 'node:crypto'
import type { Span } from '../../lib/span.ts'
import type { Trace } from '../traces.ts'

/** A span as OTLP has it in JSON (opentelemetry-proto, trace.proto; ids in hexadecimal digits). */
export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  /** Nanoseconds since the epoch. */
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly OtlpAttribute[]
  readonly status: { readonly code: number; readonly message?: string }
}

export interface OtlpAttribute {
  readonly key: string
  readonly value: { readonly stringValue: string }
}

const kind = { internal: 1, server: 2 }
const status = { unset: 0, error: 2 }

/** The spans of a call: itself below its caller's, if that traces, and all that was done for it. */
export function otlpSpans({ root, traceId = hex(16), parentSpan, ...about }: Trace): OtlpSpan[] {
  const spans: OtlpSpan[] = []
  add(root, parentSpan, {
    'rpc.system': 'grpc',
    'rpc.method': root.name,
    'k8s.namespace.name': about.call?.pod?.namespace,
    'k8s.pod.name': about.call?.pod?.name,
    'k8s.pod.uid': about.call?.pod?.uid,
    'k8s.container.name': about.call?.container,
    'container.image.name': about.call?.image,
    'container.id': about.container,
    'berth.sandbox.id': about.sandbox,
  })
  return spans

  function add(span: Span, parentSpanId: string | undefined, attributes: Readonly<Record<string, string | undefined>>) {
    const spanId = hex(8)
    const isRoot = span === root
    // What goes on after the call has ended for its client is cut off there.
    const ms = span.ms ?? root.startedAt + (root.ms ?? 0) - span.startedAt
    spans.push({
      traceId,
      spanId,
      ...(parentSpanId !== undefined && { parentSpanId }),
      name: span.name,
      kind: isRoot ? kind.server : kind.internal,
      startTimeUnixNano: nanoseconds(span.startedAt),
      endTimeUnixNano: nanoseconds(span.startedAt + Math.max(0, ms)),
      attributes: attributesOf(attributes),
      status: span.error === undefined ? { code: status.unset } : { code: status.error, message: span.error },
    })
    for (const child of span.children) add(child, spanId, {})
  }
}

export function attributesOf(values: Readonly<Record<string, string | undefined>>): OtlpAttribute[] {
  return Object.entries(values).flatMap(([key, value]) => (value ? [{ key, value: { stringValue: value } }] : []))
}

const hex = (bytes: number) => randomBytes(bytes).toString('hex')

/** @param ms milliseconds with fractions: a double has them to the quarter of a microsecond */
const nanoseconds = (ms: number) => String(BigInt(Math.round(ms * 1000)) * 1000n)
