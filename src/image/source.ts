import type { Descriptor } from './manifest.ts'
import type { FetchedManifest } from './registry/registry-client.ts'
import type { GrowingFileWriter } from './unpack/growing-file.ts'

/** Where an image comes from: a registry, or an OCI layout on disk. */
export interface ImageSource {
  /** The manifest or index of a tag or a digest, checked against the digest. Throws BerthErrors. */
  getManifest(target: string): Promise<FetchedManifest>
  /** A small blob, checked against its digest and size. `what` is its name in messages. Throws BerthErrors. */
  getDocument(descriptor: Descriptor, what: string): Promise<Buffer>
  /** A layer as a file that can be read while it is filled. */
  openLayer(descriptor: Descriptor): LayerBlob
}

export interface LayerBlob {
  readonly file: GrowingFileWriter
  /** Gets all of it into the file. Answers how many bytes were there before. */
  fill(signal: AbortSignal): Promise<number>
  /** It is not needed any more, or not what it should be; does nothing where the file is not ours. */
  discard(): Promise<void>
}
