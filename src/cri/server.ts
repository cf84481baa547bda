import { create, type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import { ImageService, RuntimeService } from '../gen/cri_pb.ts'
import { unimplemented } from '../lib/errors.ts'
import { CallGate } from './call-gate.ts'
import { EncodedList } from './encoded-list.ts'
import { frameOf } from './grpc/frame.ts'
import { GrpcServer, type Route } from './grpc/grpc-server.ts'
import type { ServerCall } from './grpc/server-call.ts'
import { type CallContext } from './handlers.ts'
import { imageHandlers } from './image/handlers.ts'
import { instrumented, type Observers } from './instrument.ts'
import { runtimeHandlers } from './runtime/handlers.ts'
import type { Services } from './services.ts'
import { grpcStatus } from './status-code.ts'

/** What the kubelet takes, and so what Berth takes, in bytes a message. */
const maxMessageBytes = 16 * 1024 * 1024

type Handle<Result> = (request: Message, call: CallContext) => Result
type AnyAnswer = object | Promise<object>
type AnyStream = AsyncIterable<object> | Iterable<object>
type AnyHandler = (services: Services, request: Message, call: CallContext) => AnyAnswer | AnyStream

/** The CRI server. RPCs that Berth does not have yet answer Unimplemented. */
export function createCriServer(services: Services, observers: Observers, gate = new CallGate()): GrpcServer {
  const routes = new Map([
    ...routesOf(RuntimeService, runtimeHandlers as Record<string, AnyHandler>, services, observers, gate),
    ...routesOf(ImageService, imageHandlers as Record<string, AnyHandler>, services, observers, gate),
  ])
  return new GrpcServer({ routes, maxMessageBytes })
}

function routesOf(
  service: DescService,
  handlers: Record<string, AnyHandler>,
  services: Services,
  observers: Observers,
  gate: CallGate,
): [string, Route][] {
  return service.methods.map((method) => {
    const handler = handlers[method.localName]
    const handle = (request: Message, call: CallContext) => {
      if (!handler) throw unimplemented(method.name)
      return handler(services, request, call)
    }
    const route =
      method.methodKind === 'server_streaming'
        ? streamingRoute(method, handle as Handle<AnyStream>, observers, gate)
        : unaryRoute(method, handle as Handle<AnyAnswer>, observers, gate)
    return [`/${service.typeName}/${method.name}`, route]
  })
}

function unaryRoute(method: DescMethod, handle: Handle<AnyAnswer>, observers: Observers, gate: CallGate): Route {
  const run = instrumented(method.name, observers)
  return (call) => {
    const request = decoded(method, call)
    if (!request) return
    const answer = run(request, call, async () => {
      using _ = gate.enter()
      const result = await handle(request, call)
      return result instanceof EncodedList ? result : create(method.output, result as Record<string, unknown>)
    })
    answer
      .then((message) =>
        call.answer(message instanceof EncodedList ? message.frame : frameOf(toBinary(method.output, message))),
      )
      .catch((error) => call.end(grpcStatus(error)))
  }
}

function streamingRoute(method: DescMethod, handle: Handle<AnyStream>, observers: Observers, gate: CallGate): Route {
  const run = instrumented(method.name, observers)
  return (call) => {
    const request = decoded(method, call)
    if (!request) return
    const signal = AbortSignal.any([call.signal, gate.closed])
    const stream = run(request, call, async () => {
      gate.refuseIfClosed()
      const items = handle(request, { signal })
      // The client sees at once that it is served, however long the first item takes.
      call.begin()
      for await (const item of items) {
        if (signal.aborted) return
        await call.write(frameOf(toBinary(method.output, create(method.output, item as Record<string, unknown>))))
      }
    })
    stream.then(
      () => call.end(),
      (error) => call.end(grpcStatus(error)),
    )
  }
}

/** The request; undefined when it is none of this method, which the client is told. */
function decoded(method: DescMethod, call: ServerCall): Message | undefined {
  try {
    return fromBinary(method.input, call.request)
  } catch {
    call.end({ code: 'INTERNAL', details: `the request is no ${method.input.typeName}` })
    return undefined
  }
}
