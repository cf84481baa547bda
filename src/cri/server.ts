import { create, type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { ImageService, RuntimeService } from '../gen/cri_pb.ts'
import { unimplemented } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { imageHandlers } from './image/handlers.ts'
import { instrument } from './instrument.ts'
import { runtimeHandlers } from './runtime/handlers.ts'
import type { Services } from './services.ts'

/** What the kubelet takes, and so what Berth takes, in bytes a message. */
const maxMessageBytes = 16 * 1024 * 1024

type AnyHandler = (services: Services, request: Message, signal: AbortSignal) => object | Promise<object>

/** The CRI server. RPCs that Berth does not have yet answer Unimplemented. */
export function createCriServer(services: Services, log: Logger): Server {
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
  })
  add(server, RuntimeService, runtimeHandlers as Record<string, AnyHandler>, services, log)
  add(server, ImageService, imageHandlers as Record<string, AnyHandler>, services, log)
  return server
}

/** Listens on the unix socket at `path`, which must not exist. */
export function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    )
  })
}

function add(
  server: Server,
  service: DescService,
  handlers: Record<string, AnyHandler>,
  services: Services,
  log: Logger,
): void {
  const definition: Record<string, ServiceDefinition[string]> = {}
  const implementation: UntypedServiceImplementation = {}
  for (const method of service.methods) {
    definition[method.localName] = definitionOf(method)
    const handler = handlers[method.localName]
    implementation[method.localName] =
      method.methodKind === 'server_streaming'
        ? streamingCall(method, log)
        : unaryCall(method, handler ? (request, signal) => handler(services, request, signal) : undefined, log)
  }
  server.addService(definition as ServiceDefinition, implementation)
}

function definitionOf(method: DescMethod): ServiceDefinition[string] {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream: method.methodKind === 'server_streaming',
    requestSerialize: (message: Message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
    responseSerialize: (message: Message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
  }
}

function unaryCall(
  method: DescMethod,
  handler: ((request: Message, signal: AbortSignal) => object | Promise<object>) | undefined,
  log: Logger,
): handleUnaryCall<Message, Message> {
  return (call, callback) => {
    const gone = new AbortController()
    call.on('cancelled', () => gone.abort())
    const answer = instrument(method.name, log, call.request, async () => {
      if (!handler) throw unimplemented(method.name)
      return create(method.output, (await handler(call.request, gone.signal)) as Record<string, unknown>)
    })
    answer.then((message) => callback(null, message), callback)
  }
}

function streamingCall(method: DescMethod, log: Logger): handleServerStreamingCall<Message, Message> {
  return (call) => {
    instrument(method.name, log, call.request, async () => {
      throw unimplemented(method.name)
    }).catch((error) => call.emit('error', error))
  }
}
