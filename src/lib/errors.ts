/**
 * The one error type of Berth. Every failure that leaves a room is a BerthError: a code that `cri/` turns into a gRPC
 * status in one place, a message a user can act on (what failed, on what, why, what to do), and the cause.
 *
 * Make them with the named constructors below, never with `new`; a room with failures of its own adds named constructors
 * in its own `errors.ts`, built on these.
 */

/** The gRPC status codes that Berth uses, by name. */
export type ErrorCode =
  | 'cancelled'
  | 'unknown'
  | 'invalid-argument'
  | 'deadline-exceeded'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'aborted'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'unauthenticated'

export class BerthError extends Error {
  override readonly name = 'BerthError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** The caller's request is wrong in itself; nothing was changed. */
export const invalidArgument = (message: string, cause?: unknown) => new BerthError('invalid-argument', message, cause)

/** No object of that kind has that id. */
export const notFound = (kind: string, id: string) => new BerthError('not-found', `${kind} "${id}" not found`)

/** The name is taken by another object; the message says by which. */
export const alreadyExists = (message: string) => new BerthError('already-exists', message)

/** The object is in a state that does not allow the request. */
export const failedPrecondition = (message: string, cause?: unknown) =>
  new BerthError('failed-precondition', message, cause)

/** A part that Berth depends on (registry, shim, runtime) is not there at the moment; a retry can succeed. */
export const unavailable = (message: string, cause?: unknown) => new BerthError('unavailable', message, cause)

export const isUnavailable = (error: unknown) => error instanceof BerthError && error.code === 'unavailable'

/** Work did not end in its time. */
export const deadlineExceeded = (message: string, cause?: unknown) =>
  new BerthError('deadline-exceeded', message, cause)

/** The caller gave up. */
export const cancelled = (message: string, cause?: unknown) => new BerthError('cancelled', message, cause)

/** The CRI has it, Berth does not do it yet. */
export const unimplemented = (what: string) =>
  new BerthError('unimplemented', `${what} is not implemented by Berth yet`)

/** A failure with no better code; `unknown` is what the kubelet expects of failed operations (as containerd answers). */
export const operationFailed = (message: string, cause?: unknown) => new BerthError('unknown', message, cause)

/** Something in Berth itself is wrong. */
export const internal = (message: string, cause?: unknown) => new BerthError('internal', message, cause)

/** The message of anything thrown, with the messages of its causes that it does not already hold. */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  let message = thrown.message
  for (let cause = thrown.cause; cause instanceof Error; cause = cause.cause) {
    if (!message.includes(cause.message)) message += `: ${cause.message}`
  }
  return message
}

/** The errno name of a failed system call (`ENOENT`), whether Node's or ours from `linux/`. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' && /^E[A-Z0-9]+$/.test(thrown.code) ? thrown.code : undefined
}
