import { status } from '@grpc/grpc-js'
import { BerthError, type ErrorCode, messageOf } from '../lib/errors.ts'

const codes: Readonly<Record<ErrorCode, status>> = {
  cancelled: status.CANCELLED,
  unknown: status.UNKNOWN,
  'invalid-argument': status.INVALID_ARGUMENT,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'permission-denied': status.PERMISSION_DENIED,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  'failed-precondition': status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
}

/** A request may hold far longer texts than a status can carry (in a trailer, HTTP/2 headers), or an event show. */
const maxDetails = 4096

/** The gRPC status of anything thrown: the one place where Berth's errors become gRPC's. */
export function grpcStatus(thrown: unknown): { readonly code: status; readonly details: string } {
  const code = thrown instanceof BerthError ? codes[thrown.code] : status.UNKNOWN
  const details = messageOf(thrown)
  return { code, details: details.length > maxDetails ? `${details.slice(0, maxDetails)} …` : details }
}
