import { create, type DescMethod, type DescService, fromBinary, type Message, toBinary } from '@bufbuild/protobuf'
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { ImageService, RuntimeService } from '../gen/cri_pb.ts'
import { unimplemented } from '../lib/errors.ts'
import { CallGate } from './call-gate.ts'
import { EncodedList } from './encoded-list.ts'
import { imageHandlers } from './image/handlers.ts'
import { instrument, type Observers } from './instrument.ts'
import { runtimeHandlers } from './runtime/handlers.ts'
import type { Services } from './services.ts'

/** What the kubelet takes, and so what Berth takes, in bytes a message. */
const maxMessageBytes = 16 * 1024 * 1024

type AnyHandler = (services: Services, request: Message, signal: AbortSignal) => object | Promise<object>
type AnyStream = AsyncIterable<object> | Iterable<object>

/** The CRI server. RPCs that Berth does not have yet answer Unimplemented. */
export function createCriServer(services: Services, observers: Observers, gate = new CallGate()): Server {
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
  })
  add(server, RuntimeService, runtimeHandlers as Record<string, AnyHandler>, services, observers, gate)
  add(server, ImageService, imageHandlers as Record<string, AnyHandler>, services, observers, gate)
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
  observers: Observers,
  gate: CallGate,
): void {
  const definition: Record<string, ServiceDefinition[string]> = {}
  const implementation: UntypedServiceImplementation = {}
  for (const method of service.methods) {
    definition[method.localName] = definitionOf(method)
    const handler = handlers[method.localName]
    const bound = handler && ((request: Message, signal: AbortSignal) => handler(services, request, signal))
    implementation[method.localName] =
      method.methodKind === 'server_streaming'
        ? streamingCall(
            method,
            bound as ((request: Message, signal: AbortSignal) => AnyStream) | undefined,
            observers,
            gate,
          )
        : unaryCall(method, bound, observers, gate)
  }
  server.addService(definition as ServiceDefinition, implementation)
}

function definitionOf(method: DescMethod): ServiceDefinition[string] {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream: method.methodKind === 'server_streaming',
    requestSerialize: (message: Message) => bufferOf(toBinary(method.input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
    responseSerialize: (message: Message | EncodedList) =>
      message instanceof EncodedList ? message.bytes : bufferOf(toBinary(method.output, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
  }
}

/** The same memory. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function unaryCall(
  method: DescMethod,
  handler: ((request: Message, signal: AbortSignal) => object | Promise<object>) | undefined,
  observers: Observers,
  gate: CallGate,
): handleUnaryCall<Message, Message | EncodedList> {
  return (call, callback) => {
    const gone = new AbortController()
    call.on('cancelled', () => gone.abort())
    const answer = instrument(method.name, observers, call, async () => {
      using _ = gate.enter()
      if (!handler) throw unimplemented(method.name)
      const result = await handler(call.request, gone.signal)
      return result instanceof EncodedList ? result : create(method.output, result as Record<string, unknown>)
    })
    answer.then((message) => callback(null, message), callback)
  }
}

function streamingCall(
  method: DescMethod,
  handler: ((request: Message, signal: AbortSignal) => AnyStream) | undefined,
  observers: Observers,
  gate: CallGate,
): handleServerStreamingCall<Message, Message> {
  return (call) => {
    const gone = new AbortController()
    const end = () => gone.abort()
    call.on('cancelled', end)
    gate.closed.addEventListener('abort', end)
    const stream = instrument(method.name, observers, call, async () => {
      gate.refuseIfClosed()
      if (!handler) throw unimplemented(method.name)
      const items = handler(call.request, gone.signal)
      // The client sees at once that it is served, however long the first item takes.
      call.sendMetadata(new Metadata())
      for await (const item of items) {
        if (gone.signal.aborted) return
        const message = create(method.output, item as Record<string, unknown>)
        if (!call.write(message)) await drained(call, gone.signal)
      }
    })
    stream
      .finally(() => gate.closed.removeEventListener('abort', end))
      .then(
        () => call.end(),
        (error) => call.emit('error', error),
      )
  }
}

/** Resolves when the client has taken what was written, or is gone. */
function drained(call: ServerWritableStream<Message, Message>, gone: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => {
    call.off('drain', done)
    gone.removeEventListener('abort', done)
    resolve()
  }
  if (gone.aborted) return Promise.resolve()
  call.on('drain', done)
  gone.addEventListener('abort', done)
  return promise
}
