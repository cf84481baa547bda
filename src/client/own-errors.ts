import type { status } from '@grpc/grpc-js'
import { BerthError } from '../lib/errors.ts'
import { aborted, type CodeName, CriError, type FailedCall } from './cri-error.ts'

/** Runs what fails with errors of this code base, and makes them CriErrors with the same words; CANCELLED after an abort. */
export async function withCriErrors<T>(call: FailedCall, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asCriError(call, signal, error)
  }
}

export function asCriError(call: FailedCall, signal: AbortSignal, error: unknown): unknown {
  if (signal.aborted) return aborted(call, signal.reason)
  if (!(error instanceof BerthError)) return error
  return new CriError(codeNameOf(error), error.message, call, error.cause)
}

/** 'not-found' is NOT_FOUND. */
function codeNameOf({ code }: BerthError): CodeName {
  return code.toUpperCase().replaceAll('-', '_') satisfies string as Exclude<keyof typeof status, 'OK'>
}
