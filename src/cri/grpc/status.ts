import type { OutgoingHttpHeaders } from 'node:http2'

/** The status codes of gRPC (grpc.io, "Status codes and their use in gRPC"). */
const codes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

export type Code = keyof typeof codes

/** How a call has ended. */
export interface Status {
  readonly code: Code
  /** Why, for people; any text. */
  readonly details: string
}

export const ok: Status = { code: 'OK', details: '' }

/** The fields of a status at the end of an answer. */
export function trailersOf({ code, details }: Status): OutgoingHttpHeaders {
  const number = String(codes[code])
  return details === '' ? { 'grpc-status': number } : { 'grpc-status': number, 'grpc-message': percentEncoded(details) }
}

/**
 * `grpc-message` as the protocol has it: what is not printable ASCII is percent-encoded, and the percent sign. So are spaces at
 * the ends, which no field of HTTP/2 may have there (RFC 9113, 8.2.1).
 */
function percentEncoded(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]+|^ +| +$/g, encodeURIComponent)
}
