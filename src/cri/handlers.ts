import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import type { Services } from './services.ts'

/** One RPC: the answer to a request. `signal` aborts when the client has gone or its deadline has passed. */
export type Handler<Input extends DescMessage, Output extends DescMessage> = (
  services: Services,
  request: MessageShape<Input>,
  signal: AbortSignal,
) => MessageInitShape<Output> | Promise<MessageInitShape<Output>>

type MethodHandler<Method> = Method extends {
  methodKind: 'unary'
  input: infer Input extends DescMessage
  output: infer Output extends DescMessage
}
  ? Handler<Input, Output>
  : never

/** The unary RPCs of a service that Berth answers, by their names. */
export type Handlers<Service extends GenService<GenServiceMethods>> = {
  readonly [Name in keyof Service['method']]?: MethodHandler<Service['method'][Name]>
}

/** The type of the handler of one RPC. */
export type HandlerOf<
  Service extends GenService<GenServiceMethods>,
  Name extends keyof Service['method'],
> = MethodHandler<Service['method'][Name]>
