import { create, type DescMethod, fromBinary, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { type Client, type CallOptions as GrpcCallOptions, Metadata, type ServiceError } from '@grpc/grpc-js'
import { aborted, type CriError, type FailedCall, fromServiceError, unencodable } from './cri-error.ts'

/** What a single call may be told. */
export interface CallOptions {
  /**
   * Milliseconds until the call fails with DEADLINE_EXCEEDED; Infinity for no limit. When absent, a unary call takes the
   * connection's default and a stream has no limit.
   */
  readonly timeout?: number
  /** The call fails with CANCELLED when this fires. What the runtime then does with a half-done operation is its choice. */
  readonly signal?: AbortSignal
  /** gRPC metadata to send along, such as `{ traceparent: '00-…' }`. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Wait for the runtime to come up instead of failing at once when nothing serves. Give a timeout too. */
  readonly waitForReady?: boolean
}

/** A gRPC client and the endpoint it leads to. */
export interface Channel {
  readonly grpc: Client
  readonly endpoint: string
}

/** Any message's fields; the typed face of it is in service-client.ts. */
export type AnyRequest = MessageInitShape<DescMethod['input']>

/** Calls a unary method. Rejects with CriError alone. */
export function callUnary(
  channel: Channel,
  method: DescMethod,
  request: AnyRequest,
  options: CallOptions,
): Promise<Message> {
  const call = { method: method.name, endpoint: channel.endpoint }
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(aborted(call, options.signal.reason))
    const abort = () => running.cancel()
    const running = channel.grpc.makeUnaryRequest<Buffer, Message>(
      pathOf(method),
      alreadyEncoded,
      (bytes) => fromBinary(method.output, bytes),
      encode(method, request, call),
      metadataOf(options),
      grpcOptionsOf(options),
      (error, response) => {
        options.signal?.removeEventListener('abort', abort)
        if (error) reject(explain(error, call, options.signal))
        else if (response) resolve(response)
      },
    )
    options.signal?.addEventListener('abort', abort, { once: true })
  })
}

/** Calls a method that streams its answers: it starts with the first `next()` and is cancelled by leaving the loop. */
export async function* callServerStreaming(
  channel: Channel,
  method: DescMethod,
  request: AnyRequest,
  options: CallOptions,
): AsyncGenerator<Message, void, undefined> {
  const call = { method: method.name, endpoint: channel.endpoint }
  if (options.signal?.aborted) throw aborted(call, options.signal.reason)
  const running = channel.grpc.makeServerStreamRequest<Buffer, Message>(
    pathOf(method),
    alreadyEncoded,
    (bytes) => fromBinary(method.output, bytes),
    encode(method, request, call),
    metadataOf(options),
    grpcOptionsOf(options),
  )
  const abort = () => running.cancel()
  options.signal?.addEventListener('abort', abort, { once: true })
  // The status of a stream that was left early comes after its iterator is gone; without a listener it would be thrown.
  running.on('error', () => {})
  try {
    for await (const response of running) yield response
  } catch (error) {
    throw explain(error as ServiceError, call, options.signal)
  } finally {
    options.signal?.removeEventListener('abort', abort)
    running.cancel()
  }
}

const pathOf = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`

const alreadyEncoded = (bytes: Buffer) => bytes

/** Encodes before the call is made, so that a value of a wrong type is told apart from a failed call. */
function encode(method: DescMethod, request: AnyRequest, call: FailedCall): Buffer {
  try {
    const bytes = toBinary(method.input, create(method.input, request))
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  } catch (error) {
    throw unencodable(call, error)
  }
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata({ waitForReady: options.waitForReady ?? false })
  for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value)
  return metadata
}

function grpcOptionsOf({ timeout }: CallOptions): GrpcCallOptions {
  return timeout === undefined || timeout === Number.POSITIVE_INFINITY ? {} : { deadline: Date.now() + timeout }
}

function explain(error: ServiceError, call: FailedCall, signal: AbortSignal | undefined): CriError {
  return signal?.aborted ? aborted(call, signal.reason) : fromServiceError(error, call)
}
