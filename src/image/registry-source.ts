import { downloadBlob } from './download.ts'
import type { LayerFolders } from './layer-folders.ts'
import type { RegistryClient } from './registry/registry-client.ts'
import type { RetryPolicy } from './registry/retry.ts'
import type { ImageSource } from './source.ts'
import { GrowingFileWriter } from './unpack/growing-file.ts'

/** An image in a registry; layers are downloaded to the ingest folder. */
export function registrySource(
  client: RegistryClient,
  folders: LayerFolders,
  image: string,
  retry: RetryPolicy,
): ImageSource {
  return {
    getManifest: (target) => client.getManifest(target),
    getDocument: (descriptor, what) => client.getDocument(descriptor, what),
    openLayer(blob) {
      const file = new GrowingFileWriter(folders.ingest(blob.digest))
      return {
        file,
        fill: (signal, onBytes) => downloadBlob({ client, blob, image, file, retry, signal, onBytes }),
        discard: () => folders.discardIngest(blob.digest),
      }
    },
  }
}
