import { type ServiceError, status } from '@grpc/grpc-js'
import { socketPathOf } from './endpoint.ts'

/** The name of a gRPC status code: `NOT_FOUND`, `UNAVAILABLE`, … */
export type CodeName = Exclude<keyof typeof status, 'OK'>

/** Which call failed. */
export interface FailedCall {
  /** The RPC's name: `RunPodSandbox`. */
  readonly method: string
  /** The endpoint as it was given to `connect`. */
  readonly endpoint: string
}

/**
 * A CRI call that failed. The message is the runtime's own, without gRPC's "5 NOT_FOUND: " in front.
 *
 *     catch (error) {
 *       if (error instanceof CriError && error.codeName === 'NOT_FOUND') return undefined
 *       throw error
 *     }
 */
export class CriError extends Error {
  override readonly name = 'CriError'
  /** The gRPC status code as a number; 5 is NOT_FOUND. */
  readonly code: number
  /** The gRPC status code by name. */
  readonly codeName: CodeName
  /** The RPC's name: `RunPodSandbox`. */
  readonly method: string
  /** The endpoint as it was given to `connect`. */
  readonly endpoint: string

  constructor(codeName: CodeName, message: string, call: FailedCall, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = status[codeName]
    this.codeName = codeName
    this.method = call.method
    this.endpoint = call.endpoint
  }
}

/** What gRPC reported, as a CriError; a socket that nobody serves gets a message that says so. */
export function fromServiceError(error: ServiceError, call: FailedCall): CriError {
  const codeName = nameOfCode(error.code)
  return new CriError(codeName, ownWords(codeName, error.details, call), call, error)
}

/** grpc-js's own failures in words for a user; those of the runtime as they are. */
function ownWords(codeName: CodeName, details: string, call: FailedCall): string {
  if (codeName === 'UNAVAILABLE') return whyUnreachable(details, call.endpoint) ?? details
  const late = codeName === 'DEADLINE_EXCEEDED' && /^Deadline exceeded after ([\d.]+)s/.exec(details)
  if (late) return `${call.endpoint} did not answer ${call.method} within ${late[1]} s`
  return details || `${call.endpoint} answered ${call.method} with ${codeName}`
}

/** The caller's AbortSignal fired. */
export const aborted = (call: FailedCall, reason: unknown) =>
  new CriError('CANCELLED', `${call.method} was given up by the caller`, call, reason)

/** The request does not fit the message's types, so it was never sent. */
export const unencodable = (call: FailedCall, cause: unknown) =>
  new CriError(
    'INVALID_ARGUMENT',
    `the request of ${call.method} cannot be encoded: ${cause instanceof Error ? cause.message : String(cause)}`,
    call,
    cause,
  )

function nameOfCode(code: number): CodeName {
  const name = status[code]
  return name === undefined || name === 'OK' ? 'UNKNOWN' : (name as CodeName)
}

/** grpc-js puts the errno of the last attempt to connect into the details: "… Last error: connect ENOENT /run/x.sock". */
function whyUnreachable(details: string, endpoint: string): string | undefined {
  const errno = /\bconnect (E[A-Z]+)\b/.exec(details)?.[1]
  if (errno === undefined) return undefined
  const path = socketPathOf(endpoint)
  switch (errno) {
    case 'ENOENT':
      return `nothing serves at ${endpoint}: there is no socket ${path}. Start the runtime, or give the endpoint it listens on`
    case 'ECONNREFUSED':
      return `nothing serves at ${endpoint}: the socket ${path} is there, but its runtime has ended. Start the runtime again`
    case 'EACCES':
    case 'EPERM':
      return `no permission to connect to ${endpoint}: run as root, or as a user who may write to ${path}`
    default:
      return `cannot connect to ${endpoint}: ${errno}`
  }
}
