import type { DescMessage, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { type AnyRequest, type CallOptions, type Channel, callServerStreaming, callUnary } from './call.ts'

/**
 * The methods of a service as functions, from its generated description: one request gives a promise of the answer, or an
 * async iterable of answers where the method streams. Requests are plain objects of the fields that are not their default.
 */
export type ServiceClient<Service extends GenService<GenServiceMethods>> = {
  readonly [Name in keyof Service['method']]: MethodClient<Service['method'][Name]>
}

type MethodClient<Method> = Method extends {
  methodKind: infer Kind
  input: infer Input extends DescMessage
  output: infer Output extends DescMessage
}
  ? Kind extends 'unary'
    ? (request?: MessageInitShape<Input>, options?: CallOptions) => Promise<MessageShape<Output>>
    : Kind extends 'server_streaming'
      ? (request?: MessageInitShape<Input>, options?: CallOptions) => AsyncIterable<MessageShape<Output>>
      : never
  : never

/** The client of `service` on `channel`; `timeout` (ms) is that of unary calls which name none. */
export function createServiceClient<Service extends GenService<GenServiceMethods>>(
  service: Service,
  channel: Channel,
  timeout: number | undefined,
): ServiceClient<Service> {
  const methods = (service as unknown as DescService).methods.map((method) => [
    method.localName,
    method.methodKind === 'unary'
      ? async (request: AnyRequest = {}, options: CallOptions = {}) =>
          callUnary(channel, method, request, timeout === undefined ? options : { timeout, ...options })
      : (request: AnyRequest = {}, options: CallOptions = {}) => callServerStreaming(channel, method, request, options),
  ])
  return Object.freeze(Object.fromEntries(methods)) as ServiceClient<Service>
}
