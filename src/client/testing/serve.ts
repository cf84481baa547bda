import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { create, type DescService, fromBinary, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { ImageService, RuntimeService } from '../../gen/cri_pb.ts'

/** What a fake handler learns of its call besides the request. */
export interface FakeCall {
  readonly metadata: Metadata
  /** Fires when the client cancelled the call or its deadline passed. */
  readonly signal: AbortSignal
  /** The `:authority` that the client sent. */
  readonly authority: string
}

/** Answers to the methods that a test needs; the others answer UNIMPLEMENTED. */
export interface FakeHandlers {
  readonly runtime?: Handlers<typeof RuntimeService>
  readonly image?: Handlers<typeof ImageService>
}

type Handlers<Service extends GenService<GenServiceMethods>> = {
  readonly [Name in keyof Service['method']]?: Handler<Service['method'][Name]>
}

type Handler<Method> = Method extends { methodKind: infer Kind; input: infer Input; output: infer Output }
  ? Kind extends 'unary'
    ? (request: ShapeOf<Input>, call: FakeCall) => InitOf<Output> | Promise<InitOf<Output>>
    : (request: ShapeOf<Input>, call: FakeCall) => Iterable<InitOf<Output>> | AsyncIterable<InitOf<Output>>
  : never

type ShapeOf<Desc> = Desc extends { readonly $codegenv2: { a: infer Shape } } ? Shape : never
type InitOf<Desc> = Desc extends DescService['methods'][number]['input'] ? MessageInitShape<Desc> : never

/** An error that a fake handler throws to answer with a status. */
export function statusError(code: keyof typeof status, details: string) {
  return Object.assign(new Error(details), { code: status[code], details })
}

/** A CRI runtime in this process, on a unix socket of its own in a temporary folder. */
export interface FakeServer extends AsyncDisposable {
  readonly endpoint: string
  readonly path: string
}

/** Serves `handlers` until disposed of: at `path` when given, whose folder, made if need be, goes with it. */
export async function serveFake(handlers: FakeHandlers, path?: string): Promise<FakeServer> {
  const folder = path === undefined ? mkdtempSync(join(tmpdir(), 'berth-fake-')) : dirname(path)
  mkdirSync(folder, { recursive: true })
  const socket = path ?? join(folder, 'cri.sock')
  const server = new Server()
  addService(server, RuntimeService, handlers.runtime ?? {})
  addService(server, ImageService, handlers.image ?? {})
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  )
  return {
    endpoint: `unix://${socket}`,
    path: socket,
    async [Symbol.asyncDispose]() {
      server.forceShutdown()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type AnyHandler = (request: Message, call: FakeCall) => unknown

function addService(server: Server, service: unknown, handlers: object): void {
  const { typeName, methods } = service as DescService
  for (const method of methods) {
    const handler = (handlers as Record<string, AnyHandler | undefined>)[method.localName]
    if (handler === undefined) continue
    const encode = (answer: unknown) =>
      Buffer.from(toBinary(method.output, create(method.output, answer as Record<string, unknown>)))
    const streams = method.methodKind === 'server_streaming'
    const definition = {
      path: `/${typeName}/${method.name}`,
      requestStream: false,
      responseStream: streams,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
      responseSerialize: encode,
      responseDeserialize: (bytes: Buffer) => bytes,
    }
    server.addService({ [method.name]: definition }, { [method.name]: streams ? streaming(handler) : unary(handler) })
  }
}

function unary(handler: AnyHandler): handleUnaryCall<Message, unknown> {
  return async (call, respond) => {
    try {
      respond(null, await handler(call.request, fakeCall(call)))
    } catch (error) {
      respond(error as ServiceError)
    }
  }
}

function streaming(handler: AnyHandler): handleServerStreamingCall<Message, unknown> {
  return async (call) => {
    try {
      for await (const answer of handler(call.request, fakeCall(call)) as AsyncIterable<unknown>) {
        if (call.cancelled) return
        call.write(answer)
      }
      call.end()
    } catch (error) {
      call.emit('error', error)
    }
  }
}

function fakeCall(
  call: Parameters<handleUnaryCall<Message, unknown>>[0] | Parameters<handleServerStreamingCall<Message, unknown>>[0],
): FakeCall {
  const controller = new AbortController()
  call.on('cancelled', () => controller.abort())
  return { metadata: call.metadata ?? new Metadata(), signal: controller.signal, authority: call.getHost() }
}
