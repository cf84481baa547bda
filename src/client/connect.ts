import { type ChannelOptions, Client, credentials } from '@grpc/grpc-js'
import { ImageService, RuntimeService } from '../gen/cri_pb.ts'
import { targetOf } from './endpoint.ts'
import { createServiceClient, type ServiceClient } from './service-client.ts'

export interface ConnectOptions {
  /** Milliseconds that a unary call may take when it does not say itself. No limit when absent. */
  readonly timeout?: number
  /** The endpoint of the image service when it is not the runtime's. */
  readonly imageEndpoint?: string
}

/** A connection to a CRI runtime. Close it, or declare it with `using`: an open one keeps the process alive. */
export interface CriConnection extends Disposable {
  /** The runtime's endpoint, as it was given. */
  readonly endpoint: string
  /** Pods and containers. */
  readonly runtime: ServiceClient<typeof RuntimeService>
  /** Images. */
  readonly image: ServiceClient<typeof ImageService>
  /** Ends the connection; calls under way fail with CANCELLED or UNAVAILABLE. */
  close(): void
}

/**
 * Connects to a CRI v1 runtime: Berth, containerd, CRI-O, or any other.
 *
 *     import { connect } from 'berth/client'
 *
 *     using cri = connect('unix:///run/berth/berth.sock', { timeout: 10_000 })
 *     const { runtimeName, runtimeVersion } = await cri.runtime.version()
 *     const { imageRef } = await cri.image.pullImage({ image: { image: 'docker.io/library/nginx:latest' } })
 *     for await (const event of cri.runtime.getContainerEvents()) console.log(event.containerId)
 *
 * Nothing is sent before the first call, so a runtime that is not there shows then (`CriError`, UNAVAILABLE, with a message
 * that says what to do), and one that restarts is found again by the next call. Messages may have 16 MiB either way, as the
 * kubelet has it.
 *
 * @param endpoint a unix socket: `unix:///run/berth/berth.sock` or `/run/berth/berth.sock`
 * @throws {TypeError} when an endpoint is not a unix socket's name
 */
export function connect(endpoint: string, options: ConnectOptions = {}): CriConnection {
  const runtime = openChannel(endpoint)
  const { imageEndpoint = endpoint } = options
  const image = imageEndpoint === endpoint ? runtime : openChannel(imageEndpoint)
  const close = () => {
    runtime.grpc.close()
    if (image !== runtime) image.grpc.close()
  }
  return Object.freeze({
    endpoint,
    runtime: createServiceClient(RuntimeService, runtime, options.timeout),
    image: createServiceClient(ImageService, image, options.timeout),
    close,
    [Symbol.dispose]: close,
  })
}

const maxMessageBytes = 16 * 1024 * 1024

const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.max_send_message_length': maxMessageBytes,
  // What the kubelet and crictl send; the default would be the socket's path, which strict HTTP/2 servers refuse.
  'grpc.default_authority': 'localhost',
  // A runtime that restarts is back within a second or two; the default would back off to two minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // Channels would otherwise be pooled by target, and a test's second runtime on a socket would meet the first's backoff.
  'grpc.use_local_subchannel_pool': 1,
}

function openChannel(endpoint: string) {
  return { endpoint, grpc: new Client(targetOf(endpoint), credentials.createInsecure(), channelOptions) }
}
