/** The plain data of the image room: what other rooms see of an image. */

/** The credentials of one pull, as CRI's `AuthConfig` has them; an absent or empty field says nothing. */
export interface AuthConfig {
  readonly username?: string
  readonly password?: string
  /** base64 of `username:password`, as in docker's config.json. */
  readonly auth?: string
  /** The registry that the credentials are for, as a host or a URL; others do not get them. */
  readonly serverAddress?: string
  /** An OAuth2 refresh token, exchanged for an access token. */
  readonly identityToken?: string
  /** A bearer token, sent as it is. */
  readonly registryToken?: string
}

/** Whom an image runs as: exactly one of the two, which the kubelet's `runAsNonRoot` asks for. No user at all is uid 0. */
export type ImageUser = { readonly uid: number } | { readonly username: string }

/** An image that is here and ready to run, or an artifact that is ready to be mounted. */
export interface StoredImage {
  /**
   * The digest of the image's configuration, `sha256:…`; the same id everywhere (kubelet-contract F6). Of an artifact, the
   * digest of its manifest.
   */
  readonly id: string
  /** Of an artifact: what it says it is, `application/vnd.example.model`. */
  readonly artifactType?: string
  /** Full names with tags, `docker.io/library/busybox:latest`, sorted. */
  readonly repoTags: readonly string[]
  /** Full names with the digest that a pull by it would ask for, `docker.io/library/busybox@sha256:…`, sorted. */
  readonly repoDigests: readonly string[]
  /** The digest of the manifest for this platform. */
  readonly manifestDigest: string
  /** The compressed layers and the configuration, in bytes; above 0. */
  readonly sizeBytes: number
  readonly user: ImageUser
  /** The kubelet's garbage collection leaves it alone. */
  readonly pinned: boolean
  /** Layers by diff-id (digest of the uncompressed tar, `file:…` for a file of an artifact), lowest first. */
  readonly diffIds: readonly string[]
  /** When it came here, in nanoseconds since the epoch. */
  readonly pulledAt: bigint
  /** The annotations of the manifest. */
  readonly annotations: Readonly<Record<string, string>>
  /** The image's configuration document as it came, JSON; an empty one for an artifact. */
  readonly configJson: string
}

/** What an image says about running it (OCI image-spec `config`, and Docker's), with absent fields filled. */
export interface ImageConfig {
  readonly entrypoint: readonly string[]
  readonly cmd: readonly string[]
  /** `NAME=value` lines. */
  readonly env: readonly string[]
  /** Absolute, or '' when the image does not say. */
  readonly workingDir: string
  /** `user`, `uid`, `user:group` or `uid:gid`; '' when the image does not say. */
  readonly user: string
  /** `80/tcp`. */
  readonly exposedPorts: readonly string[]
  /** Absolute paths. */
  readonly volumes: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** `SIGTERM` or `15`; '' when the image does not say. */
  readonly stopSignal: string
  /** The platform it was made for. */
  readonly os: string
  readonly architecture: string
  readonly variant: string
}

/** An image or an artifact opened for a volume. */
export interface MountableImage {
  readonly id: string
  /** Absolute folders, lowest first, as an overlay's lower folders; never empty, never written to. */
  readonly layerDirs: readonly string[]
  readonly stored: StoredImage
}

/** An image opened for a container. */
export interface UsableImage extends MountableImage {
  readonly config: ImageConfig
}

/** What the image store takes of its disk. */
export interface ImageFsInfo {
  /** Nanoseconds since the epoch. */
  readonly timestamp: bigint
  /** An existing folder on the disk that holds the images (cAdvisor stats it). */
  readonly mountpoint: string
  readonly usedBytes: number
  readonly inodesUsed: number
}
