import { BerthError, type ErrorCode, messageOf } from '../lib/errors.ts'
import type { Code, Status } from './grpc/status.ts'

const codes: Readonly<Record<ErrorCode, Code>> = {
  cancelled: 'CANCELLED',
  unknown: 'UNKNOWN',
  'invalid-argument': 'INVALID_ARGUMENT',
  'deadline-exceeded': 'DEADLINE_EXCEEDED',
  'not-found': 'NOT_FOUND',
  'already-exists': 'ALREADY_EXISTS',
  'permission-denied': 'PERMISSION_DENIED',
  'resource-exhausted': 'RESOURCE_EXHAUSTED',
  'failed-precondition': 'FAILED_PRECONDITION',
  aborted: 'ABORTED',
  unimplemented: 'UNIMPLEMENTED',
  internal: 'INTERNAL',
  unavailable: 'UNAVAILABLE',
  unauthenticated: 'UNAUTHENTICATED',
}

/** A request may hold far longer texts than a status can carry (in a trailer, HTTP/2 headers), or an event show. */
const maxDetails = 4096

/** The gRPC status of anything thrown: the one place where Berth's errors become gRPC's. */
export function grpcStatus(thrown: unknown): Status {
  const code = thrown instanceof BerthError ? codes[thrown.code] : 'UNKNOWN'
  const details = messageOf(thrown)
  return { code, details: details.length > maxDetails ? `${details.slice(0, maxDetails)} …` : details }
}
