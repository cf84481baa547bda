import { Client, credentials } from '@grpc/grpc-js'
import type { Outcome } from './perform.ts'

/** Of grpc.health.v1.HealthCheckResponse.ServingStatus. */
const serving = 1

/** Asks a gRPC server for its health, by the protocol grpc.health.v1. */
export async function checkGrpcHealth(
  host: string,
  port: number,
  service: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const call = client.makeUnaryRequest<Buffer, number>(
        '/grpc.health.v1.Health/Check',
        (bytes) => bytes,
        readStatus,
        healthRequest(service),
        (error, answer) => (error ? reject(error) : resolve(answer ?? 0)),
      )
      signal.addEventListener('abort', () => call.cancel(), { once: true })
    })
    return { ok: status === serving, message: `health status ${status}` }
  } finally {
    client.close()
  }
}

/** A HealthCheckRequest: field 1 is the service's name. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service)
  if (name.length > 127) throw new RangeError(`the name of a gRPC service has at most 127 bytes: ${service}`)
  return name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name])
}

/** The status in a HealthCheckResponse, field 1, a varint of one byte; 0 (unknown) when it is left out. */
function readStatus(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0
}
