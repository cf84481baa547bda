import type { DownloadThread } from './download-thread.ts'
import type { LayerFolders } from './layer-folders.ts'
import type { RegistryClient } from './registry/registry-client.ts'
import type { RetryPolicy } from './registry/retry.ts'
import type { TransportTimeouts } from './registry/transport.ts'
import type { ImageSource } from './source.ts'
import { GrowingFileWriter } from './unpack/growing-file.ts'

export interface RegistrySourceOptions {
  readonly client: RegistryClient
  readonly folders: LayerFolders
  readonly downloads: DownloadThread
  readonly timeouts: TransportTimeouts
  readonly retry: RetryPolicy
}

/** An image in a registry; layers are downloaded to the ingest folder. */
export function registrySource({ client, folders, downloads, timeouts, retry }: RegistrySourceOptions): ImageSource {
  return {
    getManifest: (target) => client.getManifest(target),
    getDocument: (descriptor, what) => client.getDocument(descriptor, what),
    openLayer(blob) {
      const file = new GrowingFileWriter(folders.ingest(blob.digest))
      return {
        file,
        fill: (signal) => downloads.run({ client: client.describe(), timeouts, blob, file: file.file, retry }, signal),
        discard: () => folders.discardIngest(blob.digest),
      }
    },
  }
}
