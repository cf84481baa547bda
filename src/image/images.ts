import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type Clock, createClock } from '../lib/clock.ts'
import { BerthError, cancelled, messageOf } from '../lib/errors.ts'
import { KeyedQueue } from '../lib/keyed-queue.ts'
import type { Logger } from '../lib/log.ts'
import type { Database } from '../state/database.ts'
import type { RecordProblem } from '../state/record-table.ts'
import { DownloadThread } from './download-thread.ts'
import { unusableImage } from './errors.ts'
import type { LayerWorkshop } from './fetch-layer.ts'
import { GroupSync } from './group-sync.ts'
import type { AuthConfig, ImageFsInfo, MountableImage, StoredImage, UsableImage } from './image.ts'
import type { StoredItem } from './inventory.ts'
import { LayerFolders } from './layer-folders.ts'
import { extractLayout } from './layout-archive.ts'
import { layoutSource, nameInLayout, readLayoutIndex } from './layout-source.ts'
import { mediaType } from './manifest.ts'
import { hostPlatform, runsOn } from './platform.ts'
import { requirementsFor } from './policy/policy.ts'
import { approve } from './policy/verify.ts'
import { type PullProgress, PullTracker } from './progress.ts'
import { PullCounts } from './pull-counts.ts'
import { importImage } from './pull.ts'
import { formatReference, type ImageReference, parseReference } from './reference.ts'
import { credentialsFromFile } from './registry/auth-file.ts'
import { RegistryClient } from './registry/registry-client.ts'
import type { RetryPolicy } from './registry/retry.ts'
import { TokenCache } from './registry/token-cache.ts'
import { Transport, type TransportTimeouts } from './registry/transport.ts'
import { registrySource } from './registry-source.ts'
import type { ArchiveFormat } from './save/archive.ts'
import { saveImage } from './save/save-image.ts'
import { type ImageSettings, type Settings, settingsOf } from './settings.ts'
import { SharedWork } from './shared-work.ts'
import { ImageStore } from './store.ts'
import { UnpackPool } from './unpack/unpack-pool.ts'
import { mountableImage, useImage } from './use-image.ts'

export interface ImagesOptions extends ImageSettings {
  /** The folder of the image store, `/var/lib/berth/images`; made when absent. */
  readonly root: string
  readonly database: Database
  readonly log: Logger
  readonly clock?: Clock
  /** Ids of the images that containers use: their layers stay even when the image is removed. Not called before a removal. */
  readonly inUse: () => Iterable<string>
  /** Records were lost: a layer that seems to be nobody's may have a container on it. None is deleted then. */
  readonly recordsLost?: boolean
  /** Layers of one pull that are fetched at the same time. */
  readonly parallelLayers?: number
}

export interface PullRequest {
  /** A reference as a user writes it: `busybox`, `registry:5000/a/b:tag`, `a/b@sha256:…`. */
  readonly image: string
  readonly auth?: AuthConfig
  /** The client has gone. The pull ends when no client is left that waits for it. */
  readonly signal?: AbortSignal
}

const defaultTimeouts: TransportTimeouts = { answerMs: 30_000, stallMs: 60_000 }
const defaultRetry: RetryPolicy = { attempts: 4, firstDelayMs: 300, maxDelayMs: 20_000 }
/** Milliseconds. */
const sweepEvery = 5 * 60 * 1000

/** The image room's public face. One instance owns `root`. */
export class Images implements AsyncDisposable {
  readonly #root: string
  readonly #log: Logger
  readonly #clock: Clock
  #settings: Settings
  readonly #retry: RetryPolicy
  readonly #tokens = new TokenCache()
  readonly #parallelLayers: number
  readonly #platform = hostPlatform()
  readonly #timeouts: TransportTimeouts
  readonly #transport: Transport
  readonly #downloads = new DownloadThread()
  readonly #workshop: LayerWorkshop
  readonly #pulls = new SharedWork<string>()
  readonly #trackers = new Set<PullTracker>()
  readonly #sweeping: NodeJS.Timeout
  readonly pullCounts = new PullCounts()

  constructor(options: ImagesOptions) {
    const { root, database, log, registry = {} } = options
    this.#root = root
    this.#log = log
    this.#clock = options.clock ?? createClock()
    this.#settings = settingsOf(options)
    this.#retry = registry.retry ?? defaultRetry
    this.#parallelLayers = options.parallelLayers ?? 4
    this.#timeouts = registry.timeouts ?? defaultTimeouts
    this.#transport = new Transport(this.#timeouts)
    const folders = new LayerFolders(root, log)
    const store = new ImageStore({
      database,
      folders,
      log,
      inUse: options.inUse,
      recordsLost: options.recordsLost ?? false,
      isPinned: ({ tags, digests }) => [...tags, ...digests].some((name) => this.#settings.pinned.has(name)),
    })
    this.#workshop = {
      root,
      store,
      folders,
      pool: new UnpackPool(Math.max(2, Math.min(8, availableParallelism()))),
      sync: new GroupSync(root),
      layerQueue: new KeyedQueue(),
      blobQueue: new KeyedQueue(),
      limits: () => this.#settings.limits,
    }
    this.#sweeping = setInterval(
      () => this.sweep().catch((error) => log.error({ error }, 'a sweep of images failed')),
      sweepEvery,
    )
    this.#sweeping.unref()
  }

  /** Checks other settings, throws when they are of no use, and answers what puts them in force for what is pulled then. */
  prepareSettings(wanted: ImageSettings): () => void {
    const settings = settingsOf(wanted)
    return () => {
      this.#settings = settings
      this.#workshop.store.forgetShown()
    }
  }

  /**
   * Pulls an image or an artifact. Pulls of the same reference with the same credentials share the work; each other one
   * asks the registry itself, also when the image is here, since the registry decides who may have it (kubelet-contract F6).
   * Throws BerthErrors: see `errors.ts` of this room.
   */
  async pull(request: PullRequest): Promise<{ readonly imageId: string }> {
    const reference = parseReference(request.image)
    const key = `${formatReference(reference)} ${fingerprint(request.auth)}`
    const imageId = await this.#pulls.join(key, (signal) => this.#pull(reference, request.auth, signal), request.signal)
    return { imageId }
  }

  /** What was not as it should be when the records were loaded. */
  get problems(): readonly RecordProblem[] {
    return this.#workshop.store.problems
  }

  /** The images that are here, sorted by id; with a filter, at most the one that it names. */
  list(filterImage?: string): readonly StoredImage[] {
    if (filterImage === undefined || filterImage === '') return this.#workshop.store.list()
    const found = this.status(filterImage)
    return found ? [found] : []
  }

  /** The image of a reference, an id, or the unique start of an id. Throws `invalid-argument` when the start is not unique. */
  status(image: string): StoredImage | undefined {
    const record = this.#workshop.store.find(image)
    return record && this.#workshop.store.present(record)
  }

  /** Removes an image with all its names; no error when it is not here. It is out of sight when this is called. */
  async remove(image: string): Promise<void> {
    this.#workshop.store.remove(image)
  }

  /** What the store takes of its disk; quick. */
  fsInfo(): ImageFsInfo {
    const stored = this.#workshop.store.usage()
    const ingest = this.#workshop.folders.ingestUsage()
    return {
      timestamp: this.#clock(),
      mountpoint: this.#root,
      usedBytes: stored.bytes + ingest.bytes,
      inodesUsed: stored.inodes + ingest.inodes,
    }
  }

  /**
   * The image for a container to run; layers that have gone from the disk are fetched again. Throws `not-found`, and
   * `failed-precondition` for an artifact.
   */
  use(image: string): Promise<UsableImage> {
    return useImage(this.#useOptions(), image)
  }

  /** As {@link use}, for a volume; also an artifact. */
  useForVolume(image: string): Promise<MountableImage> {
    return mountableImage(this.#useOptions(), image)
  }

  /**
   * Imports the images of an OCI layout, a folder or a tar of it (also compressed), or of a `docker save` archive, under
   * the names in it. A name that is only a tag, and an image without one, need `name`.
   */
  async load(path: string, name?: string): Promise<readonly StoredImage[]> {
    const found = statSync(path, { throwIfNoEntry: false })
    if (!found) throw unusableImage(path, 'there is no such file or folder')
    if (found.isDirectory()) return this.#loadFolder(path, path, name)
    const tar = createReadStream(path, { highWaterMark: 256 * 1024 })
    try {
      return await this.loadTar(tar, path, name)
    } finally {
      // When it is broken, not all of it was read.
      tar.destroy()
    }
  }

  /** As {@link load}, a tar that comes as a stream; `what` stands for it in messages. */
  async loadTar(tar: AsyncIterable<Buffer>, what: string, name?: string): Promise<readonly StoredImage[]> {
    const { folders } = this.#workshop
    const number = folders.reserve()
    try {
      await extractLayout(tar, folders.staging(number)).catch((error) => {
        const why = `it is no tar of an OCI layout and no "docker save" archive (${messageOf(error)})`
        throw error instanceof BerthError ? error : unusableImage(what, why, error)
      })
      return await this.#loadFolder(folders.staging(number), what, name)
    } finally {
      folders.discardStaging(number)
    }
  }

  /**
   * The archive of an image in pieces, for {@link load} and other tools. Throws `not-found` when it is not here, and
   * `failed-precondition` when it cannot be made; the latter also in the middle, when a layer is not what it was.
   */
  save(image: string, format: ArchiveFormat): AsyncGenerator<Uint8Array> {
    return saveImage(this.#workshop, image, format)
  }

  /** Everything in the store that takes space, with those who want it; what nobody wants goes at the next sweep. */
  inventory(): readonly StoredItem[] {
    const { store, folders } = this.#workshop
    return [...store.inventory(), ...folders.inventory()]
  }

  /**
   * Deletes layers that no image, no container and no pull needs any more, and parts of blobs that nobody came back for.
   * Goes on by itself every few minutes; also for the reconciler, and after a container is gone.
   */
  async sweep(): Promise<void> {
    this.#workshop.store.sweep()
    this.#workshop.folders.sweepParts()
    await this.#workshop.folders.settled()
  }

  /** The pulls under way, oldest first. */
  progress(): readonly PullProgress[] {
    return [...this.#trackers].map((tracker) => tracker.snapshot())
  }

  /** Ends the pulls under way (what they fetched so far is kept for the next) and the workers. */
  async close(): Promise<void> {
    clearInterval(this.#sweeping)
    await this.#pulls.close(cancelled('berthd is stopping; pull again'))
    await this.#workshop.pool.close()
    await this.#downloads.close()
    await this.#workshop.folders.settled()
    this.#transport.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #pull(reference: ImageReference, given: AuthConfig | undefined, signal: AbortSignal): Promise<string> {
    const image = formatReference(reference)
    return await this.#tracked(image, async (tracker) => {
      using _ = this.pullCounts.begin(() => tracker.snapshot())
      const auth = await this.#credentials(reference, given)
      const hosts = await this.#settings.hosts.hostsOf(reference.host)
      const options = { transport: this.#transport, tokens: this.#tokens, hosts, reference, image, auth, signal }
      const client = new RegistryClient({ ...options, retry: this.#retry, plainHttp: this.#settings.plainHttp })
      const target = reference.digest ?? (reference.tag as string)
      const requirements = await requirementsFor(this.#settings.signaturePolicy, reference)
      const needsProof = requirements.some(({ type }) => type !== 'insecureAcceptAnything')
      const present = needsProof ? undefined : await this.#confirmPresent(client, reference, target)
      if (present !== undefined) return present
      return await importImage(this.#workshop, {
        ...this.#importOptions(image, tracker, signal),
        approve: (resolved) => approve(client, reference, requirements, resolved),
        source: registrySource({
          client,
          folders: this.#workshop.folders,
          downloads: this.#downloads,
          timeouts: this.#timeouts,
          retry: this.#retry,
        }),
        target,
        namesOf: (digest) => ({
          tags: reference.tag === undefined ? [] : [image],
          digests: [`${reference.name}@${digest}`],
        }),
      })
    })
  }

  /** Those of the pull, else those that the file has. */
  async #credentials(reference: ImageReference, given: AuthConfig | undefined): Promise<AuthConfig | undefined> {
    const isGiven = given && [given.username, given.auth, given.identityToken, given.registryToken].some(Boolean)
    const { authFile, runHelper } = this.#settings
    if (isGiven || authFile === undefined) return given
    return await credentialsFromFile(authFile, reference, runHelper)
  }

  /**
   * When the image is here, one small request asks the registry whether its name still means the same, and whether these
   * credentials may have it. Only a digest that came from the same repository counts: a registry that merely knows the
   * digest of another's image must not get it shown.
   */
  async #confirmPresent(
    client: RegistryClient,
    reference: ImageReference,
    target: string,
  ): Promise<string | undefined> {
    const { store } = this.#workshop
    const image = formatReference(reference)
    if (!store.find(image)) return undefined
    const digest = await client.headManifest(target)
    const record = digest === undefined ? undefined : store.findByDigest(reference, digest)
    if (!record) return undefined
    store.addImage(record, { tags: reference.tag === undefined ? [] : [image], digests: [] })
    return record.id
  }

  async #loadFolder(folder: string, what: string, name: string | undefined): Promise<readonly StoredImage[]> {
    const { store } = this.#workshop
    const ids = new Set<string>()
    for (const top of await readLayoutIndex(folder)) {
      const isIndex = top.mediaType === mediaType.ociIndex || top.mediaType === mediaType.dockerList
      if (!isIndex && top.platform && !runsOn(top.platform, this.#platform)) continue
      const reference = nameInLayout(what, top, name)
      const image = formatReference(reference)
      const id = await this.#tracked(image, (tracker) =>
        importImage(this.#workshop, {
          ...this.#importOptions(image, tracker, new AbortController().signal),
          source: layoutSource(folder, image, top),
          target: top.digest,
          namesOf: (digest) => ({ tags: [image], digests: [`${reference.name}@${digest}`] }),
        }),
      )
      ids.add(id)
    }
    if (ids.size === 0) throw unusableImage(what, 'the layout has no image for this node')
    return store.list().filter(({ id }) => ids.has(id))
  }

  #useOptions() {
    const pull = (name: string) => this.pull({ image: name })
    return { store: this.#workshop.store, log: this.#log, pull }
  }

  #importOptions(image: string, tracker: PullTracker, signal: AbortSignal) {
    const fixed = { parallelLayers: this.#parallelLayers, platform: this.#platform, clock: this.#clock }
    return { ...fixed, image, tracker, signal }
  }

  async #tracked(image: string, work: (tracker: PullTracker) => Promise<string>): Promise<string> {
    const tracker = new PullTracker(image)
    const started = performance.now()
    this.#trackers.add(tracker)
    try {
      const imageId = await work(tracker)
      this.#log.info({ image, imageId, ms: Math.round(performance.now() - started) }, 'image is here')
      return imageId
    } finally {
      this.#trackers.delete(tracker)
    }
  }
}

/** Two pulls share their work only when the registry would see the same credentials. */
function fingerprint(auth: AuthConfig | undefined): string {
  const { username, password, auth: encoded, serverAddress, identityToken, registryToken } = auth ?? {}
  const fields = [username, password, encoded, serverAddress, identityToken, registryToken].map((field) => field ?? '')
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}
