import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { Client, credentials } from '@grpc/grpc-js'
import { RuntimeService, VersionRequestSchema, VersionResponseSchema } from '../gen/cri_pb.ts'

/** Asks a CRI server at a unix socket for its version over a new connection, as any client would. Rejects when it does not answer. */
export async function askVersion(socket: string, signal: AbortSignal): Promise<void> {
  const client = new Client(`unix://${socket}`, credentials.createInsecure())
  try {
    await new Promise<void>((resolve, reject) => {
      const call = client.makeUnaryRequest(
        `/${RuntimeService.typeName}/Version`,
        () => Buffer.from(toBinary(VersionRequestSchema, create(VersionRequestSchema))),
        (bytes) => fromBinary(VersionResponseSchema, bytes),
        {},
        (error) => (error ? reject(error) : resolve()),
      )
      signal.addEventListener('abort', () => call.cancel(), { once: true })
    })
  } finally {
    client.close()
  }
}
