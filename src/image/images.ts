import type { Clock } from '../lib/clock.ts'
import { unimplemented } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { Database } from '../state/database.ts'
import type { ImageFsInfo, AuthConfig, StoredImage, UsableImage } from './image.ts'
import type { PullProgress } from './progress.ts'

export interface ImagesOptions {
  /** The folder of the image store, `/var/lib/berth/images`; made when absent. */
  readonly root: string
  readonly database: Database
  readonly log: Logger
  readonly clock?: Clock
  /** Ids of the images that containers use: their layers stay even when the image is removed. */
  readonly inUse: () => Iterable<string>
  /** References of images that the kubelet's garbage collection is to leave alone. */
  readonly pinned?: readonly string[]
  readonly registry?: RegistryOptions
}

export interface RegistryOptions {
  /** Folders with `<host>/hosts.toml`, the first that has the host wins; default `/etc/berth/certs.d`, `/etc/containerd/certs.d`. */
  readonly certsDirs?: readonly string[]
  /** Registries (host or host:port) that are spoken to in plain HTTP; loopback ones always may be. */
  readonly plainHttp?: readonly string[]
}

export interface PullRequest {
  /** A reference as a user writes it: `busybox`, `registry:5000/a/b:tag`, `a/b@sha256:…`. */
  readonly image: string
  readonly auth?: AuthConfig
  /** The client has gone. The pull ends when no client is left that waits for it. */
  readonly signal?: AbortSignal
}

/** The image room's public face. One instance owns `root`. */
export class Images implements AsyncDisposable {
  constructor(_options: ImagesOptions) {}

  /** Pulls an image. Pulls of the same reference with the same credentials share the work. */
  pull(_request: PullRequest): Promise<{ readonly imageId: string }> {
    throw unimplemented('pull')
  }

  /** The images that are here, sorted by id; with a filter, at most the one that it names. */
  list(_filterImage?: string): readonly StoredImage[] {
    return []
  }

  /** The image of a reference, an id or a unique prefix of an id. */
  status(_image: string): StoredImage | undefined {
    return undefined
  }

  /** Removes an image with all its names; no error when it is not here. */
  async remove(_image: string): Promise<void> {}

  /** What the store takes of its disk; quick. */
  fsInfo(): ImageFsInfo {
    throw unimplemented('fsInfo')
  }

  /** The image for a container to run. Throws `not-found` when it is not here. */
  use(_image: string): UsableImage {
    throw unimplemented('use')
  }

  /** Imports the images of an OCI layout, a folder or a tar of it, under the names in its index. */
  load(_path: string): Promise<readonly StoredImage[]> {
    throw unimplemented('load')
  }

  /** Deletes layers that no image and no container needs any more; for the reconciler and after a container is removed. */
  async sweep(): Promise<void> {}

  /** The pulls under way, oldest first. */
  progress(): readonly PullProgress[] {
    return []
  }

  /** Ends the pulls under way (what they fetched so far is kept for the next) and the workers. */
  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
