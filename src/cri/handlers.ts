import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import type { EncodedList } from './encoded-list.ts'
import type { Services } from './services.ts'

/** What a handler may know of the call beside its request. */
export interface CallContext {
  /** Aborts when the client has gone or its deadline has passed. */
  readonly signal: AbortSignal
}

/** One RPC: the answer to a request. */
export type Handler<Input extends DescMessage, Output extends DescMessage> = (
  services: Services,
  request: MessageShape<Input>,
  call: CallContext,
) => MessageInitShape<Output> | EncodedList | Promise<MessageInitShape<Output>>

/** One RPC that answers with a stream: it ends when the iterable does, or fails with what that throws. */
export type StreamHandler<Input extends DescMessage, Output extends DescMessage> = (
  services: Services,
  request: MessageShape<Input>,
  call: CallContext,
) => AsyncIterable<MessageInitShape<Output>> | Iterable<MessageInitShape<Output>>

type MethodHandler<Method> = Method extends {
  methodKind: infer Kind
  input: infer Input extends DescMessage
  output: infer Output extends DescMessage
}
  ? Kind extends 'unary'
    ? Handler<Input, Output>
    : Kind extends 'server_streaming'
      ? StreamHandler<Input, Output>
      : never
  : never

/** The RPCs of a service that Berth answers, by their names. */
export type Handlers<Service extends GenService<GenServiceMethods>> = {
  readonly [Name in keyof Service['method']]?: MethodHandler<Service['method'][Name]>
}

/** The type of the handler of one RPC. */
export type HandlerOf<
  Service extends GenService<GenServiceMethods>,
  Name extends keyof Service['method'],
> = MethodHandler<Service['method'][Name]>
