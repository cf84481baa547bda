import type { Message } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import { BerthError } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { grpcStatus } from './status-code.ts'

/** RPCs that only look. The kubelet sends them every second: they are logged when they fail. */
const quiet = /^(Version|Status|RuntimeConfig|.*List.*|.*Status|.*Stats|.*Metrics|.*FsInfo|Stream.*|Get.*|ExecSync)$/

/** Runs one RPC: logs it with its time, and turns whatever it throws into a gRPC status. */
export async function instrument<T>(name: string, log: Logger, request: Message, run: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const fields = { rpc: name, ...subject(request) }
  try {
    const answer = await run()
    const ms = Math.round(performance.now() - began)
    if (quiet.test(name)) log.debug({ ...fields, ms }, name)
    else log.info({ ...fields, ms }, name)
    return answer
  } catch (error) {
    const failure = grpcStatus(error)
    const ms = Math.round(performance.now() - began)
    // Anything but a BerthError is a case that nobody thought of: it is logged with its place.
    const stack = error instanceof BerthError ? undefined : (error as Error | undefined)?.stack
    log.warn({ ...fields, ms, code: status[failure.code], error: failure.details, stack }, `${name} failed`)
    throw Object.assign(new Error(failure.details), failure)
  }
}

/** What the request is about, for the log. Never its configuration, which may hold secrets. */
function subject(request: Message): Record<string, unknown> {
  const fields = request as Message & { podSandboxId?: string; containerId?: string; image?: { image?: string } }
  return {
    ...(fields.podSandboxId && { sandbox: fields.podSandboxId }),
    ...(fields.containerId && { container: fields.containerId }),
    ...(fields.image?.image && { image: fields.image.image }),
  }
}
