import { dirname } from 'node:path'
import { type CriConnection, connect } from '../../src/client/index.ts'
import type { EndpointOptions } from '../options.ts'

/** One of the runtimes that are compared. */
export interface Endpoint extends EndpointOptions {
  readonly cri: CriConnection
  /** What the runtime calls itself: `containerd`. */
  readonly runtimeName: string
  readonly runtimeVersion: string
  /** The image as the kubelet names it once it is pulled, by id, beside the name that the user wrote. */
  readonly image: { readonly image: string; readonly userSpecifiedImage: string }
  /** What the command lines of its processes have in them that no other runtime's have. */
  readonly mark: string
}

/** A call that takes longer than this is a failure of the runtime, in milliseconds. */
const timeout = 120_000

/** Connects to a runtime, which must be there, and pulls the image when it does not have it. */
export async function openEndpoint(options: EndpointOptions, image: string): Promise<Endpoint> {
  const cri = connect(`unix://${options.socket}`, { timeout })
  try {
    const { runtimeName, runtimeVersion } = await cri.runtime.version({})
    return {
      ...options,
      cri,
      runtimeName,
      runtimeVersion,
      image: { image: await idOf(cri, image), userSpecifiedImage: image },
      mark: options.mark ?? `${dirname(options.socket)}/`,
    }
  } catch (error) {
    cri.close()
    throw error
  }
}

async function idOf(cri: CriConnection, image: string): Promise<string> {
  const { image: present } = await cri.image.imageStatus({ image: { image } })
  return present?.id ?? (await cri.image.pullImage({ image: { image } })).imageRef
}
