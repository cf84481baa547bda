import { chmodSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { askVersion } from '../cri/ask-version.ts'
import { CallGate } from '../cri/call-gate.ts'
import type { GrpcServer } from '../cri/grpc/grpc-server.ts'
import { createCriServer } from '../cri/server.ts'
import { Images } from '../image/images.ts'
import { createClock } from '../lib/clock.ts'
import { failedPrecondition } from '../lib/errors.ts'
import { KeyedQueue } from '../lib/keyed-queue.ts'
import type { LevelledLogger } from '../lib/log.ts'
import { limitArenas } from '../linux/allocator.ts'
import { AttachWarmup } from '../linux/cgroup/attach-warmup.ts'
import { detectCgroups } from '../linux/cgroup/cgroups.ts'
import { GracePeriods } from '../linux/grace-periods.ts'
import { keepDescriptors } from '../linux/close-on-exec.ts'
import { takeLock } from '../linux/lock-file.ts'
import { setOomScore } from '../linux/oom-score.ts'
import { Reaper } from '../linux/reaper.ts'
import { becomeSubreaper } from '../linux/subreaper.ts'
import { SystemdUnits } from '../linux/systemd/systemd-units.ts'
import { Network } from '../network/network.ts'
import { Nri } from '../nri/nri.ts'
import { withoutNri } from '../nri/port.ts'
import { Metrics } from '../observe/metrics/pod-metrics.ts'
import { Calls } from '../observe/calls.ts'
import { Happenings } from '../observe/own/happenings.ts'
import { PodEvents } from '../observe/pod-events.ts'
import { Stats } from '../observe/stats.ts'
import { Traces } from '../observe/traces.ts'
import { ContainerExits } from '../pod/exits.ts'
import { makeFolders } from '../pod/folders.ts'
import { Layout } from '../pod/layout.ts'
import { MountsApart } from '../pod/mounts-apart.ts'
import { PipeHolder } from '../pod/pipe-holder.ts'
import { Pods } from '../pod/pods.ts'
import { makeNetworkNamespace } from '../pod/sandbox-namespaces.ts'
import { SpareSandboxes } from '../pod/spare-sandboxes.ts'
import { Trash } from '../pod/trash.ts'
import { ShimPool } from '../shim/pool.ts'
import { containerRecords } from '../state/container-record.ts'
import { openDatabase } from '../state/database.ts'
import { Operations } from '../state/operations.ts'
import { sandboxRecords } from '../state/sandbox-record.ts'
import { Store } from '../state/store.ts'
import { streamCommands } from '../streaming/commands/commands.ts'
import { StreamingServer } from '../streaming/server.ts'
import { about } from './about.ts'
import { createAdminServer } from './admin.ts'
import { followConfig } from './follow-config.ts'
import { imageOptions } from './image-options.ts'
import type { LiveConfig } from './live-config.ts'
import { MetricsPort } from './metrics-port.ts'
import { namedLog } from './named-log.ts'
import { networkSettings } from './network-settings.ts'
import { nriOptions } from './nri-options.ts'
import { answerMetrics } from './own-metrics.ts'
import { podSettings } from './pod-settings.ts'
import { hasLostRecords, noteBoot, recordKeeping } from './record-keeping.ts'
import { runtimeHandlers } from './runtime-handlers.ts'
import { SpanExport } from './span-export.ts'
import { streamingOptions } from './streaming-options.ts'

/** How long calls under way may take when berthd is to end, in milliseconds. */
const drainMs = 10_000

export interface DaemonOptions {
  readonly live: LiveConfig
  /** Of Berth, as semver. */
  readonly version: string
  /** The program of the shim. */
  readonly shimEntry: string
  readonly log: LevelledLogger
}

export interface Daemon {
  /** Resolves when the API answers a client. */
  check(signal: AbortSignal): Promise<void>
  /** Finishes the calls under way, stops serving and lets go of everything; pods run on. */
  close(): Promise<void>
}

/** Puts all rooms together, takes up what an earlier berthd left, and then serves. */
export async function startDaemon({ live, version, shimEntry, log: plainLog }: DaemonOptions): Promise<Daemon> {
  const config = live.current
  const layout = new Layout(config.root, config.state)
  // Nothing is for everyone to write. A socket is root's alone until it gets its mode: to connect is to write (unix(7)).
  process.umask(process.umask() | 0o022)
  limitArenas()
  makeFolders(layout)
  if (!takeLock(join(layout.state, 'berthd.lock'))) {
    throw failedPrecondition(`another berthd is running with the state folder ${layout.state}; stop it first`)
  }
  keepDescriptors()
  setOomScore(-999)
  becomeSubreaper()
  const reaper = new Reaper({ adopt: true })
  const database = openDatabase(layout.database, layout.recordCopies)
  const sandboxes = new Store(database, sandboxRecords)
  const containers = new Store(database, containerRecords)
  const log = namedLog(plainLog, { sandboxes, containers })
  const happenings = new Happenings(containers)
  const clock = createClock(newest(sandboxes.all(), containers.all()))
  const handlers = await runtimeHandlers(config, layout, reaper)
  const network = new Network({
    ...networkSettings(config.cni),
    database,
    reaper,
    log,
  })
  const images = new Images({
    root: layout.images,
    database,
    log,
    clock,
    inUse: () => pods.imagesInUse(),
    recordsLost: hasLostRecords(database) || [...containers.all()].some(({ imageId }) => imageId === ''),
    ...imageOptions(config.image, reaper),
  })
  const shims = new ShimPool(
    { folder: layout.shims, entry: shimEntry, podsPerProcess: () => live.current.shim.pods_per_process, log },
    {
      onExit: (exit) => pods.onExit(exit),
      onConnected: (shim, client) => pods.onShimConnected(shim, client),
      onLost: (shim) => {
        happenings.lostShims++
        pods.onShimLost(shim)
      },
    },
  )
  database.loaded()
  const records = recordKeeping({ database, sandboxes, containers, network, images, log })
  const cgroups = detectCgroups()
  const nri = config.nri.enabled ? new Nri(nriOptions(live, version), reaper, log) : withoutNri
  const gracePeriods = new GracePeriods(layout.expeditedNote)
  const pipes = new PipeHolder({ record: layout.keeper, owner: layout.state, log })
  const mountsApart = new MountsApart(layout, log)
  const operations = new Operations(Date.now, (...stage) => happenings.stageEnded(...stage))
  const spares = new SpareSandboxes({
    count: () => live.current.cni.attach_ahead,
    layout,
    network,
    operations,
    makeNamespace: makeNetworkNamespace,
    log,
  })
  const pods = new Pods({
    layout,
    settings: podSettings(live, handlers),
    handlers,
    sandboxes,
    containers,
    records,
    operations,
    exits: new ContainerExits(),
    mountsApart,
    trash: new Trash(layout.trash, reaper, log),
    pipes,
    stops: new Map(),
    repeatableStarts: new Set(),
    clearings: new Map(),
    updates: new KeyedQueue(),
    network,
    spares,
    images,
    shims,
    nri,
    cgroups,
    units: new SystemdUnits(),
    warmup: new AttachWarmup(),
    gracePeriods: { shortened: (work) => (live.current.expedite_rcu ? gracePeriods.shortened(work) : work()) },
    reaper,
    host: handlers.get('').host,
    clock,
    log,
  })
  // Late: a berthd that cannot start leaves none.
  mountsApart.make()
  await network.start()
  await pods.recover()
  noteBoot(database)
  await pods.startPlugins()
  // The first pod should not wait for it.
  void shims.get('0').catch(() => {})

  const streaming = new StreamingServer(streamCommands(pods), log, streamingOptions(config.streaming))
  await streaming.start()
  const events = new PodEvents({ sandboxes, containers, clock })
  const stats = new Stats({ sandboxes, containers, cgroups, layout, clock, log })
  const metrics = new Metrics({ stats, cgroups, layout })
  const traces = new Traces()
  const calls = new Calls({ sandboxes, containers })
  const spanExport = new SpanExport(traces, version, log)
  const sources = { version, live, happenings, calls, pods, images, network, shims, spares, spanExport }
  const answer = (response: ServerResponse) => answerMetrics(sources, response)
  const metricsPort = new MetricsPort(answer)
  await followConfig(live, {
    log: plainLog,
    handlers,
    network,
    images,
    streaming,
    layout,
    reaper,
    traces,
    spanExport,
    metricsPort,
    spares,
  })
  const gate = new CallGate()
  const cri = createCriServer(
    { pods, images, network, events, stats, metrics, calls, clock, streaming, about: about(version, live, handlers) },
    { log, logsDebug: () => plainLog.level === 'debug', traces, calls, happenings },
    gate,
  )
  const admin = createAdminServer({ pods, images, traces, calls, live, metrics: answer })
  for (const path of [config.socket, config.admin_socket]) rmSync(path, { force: true })
  await cri.listen(config.socket)
  chmodSync(config.socket, 0o660)
  await new Promise<void>((resolve, reject) => admin.once('error', reject).listen(config.admin_socket, resolve))
  chmodSync(config.admin_socket, 0o600)
  log.info({ socket: config.socket, version, sandboxes: pods.sandboxes().length }, 'serving CRI')

  return {
    check: (signal) => askVersion(config.socket, signal),
    async close() {
      const left = await gate.close(drainMs)
      if (left > 0) log.warn({ calls: left }, `calls still go on after ${drainMs / 1000} s; they are cut off`)
      await shutDown(cri)
      await pods.close()
      stats[Symbol.dispose]()
      await streaming.close()
      metricsPort[Symbol.dispose]()
      await spanExport[Symbol.asyncDispose]()
      admin.close()
      admin.closeAllConnections()
      network.close()
      await nri.close()
      await shims.endIdle()
      shims[Symbol.dispose]()
      pipes[Symbol.dispose]()
      mountsApart.release()
      await images[Symbol.asyncDispose]()
      for (const path of [config.socket, config.admin_socket]) rmSync(path, { force: true })
      database.close()
      reaper[Symbol.dispose]()
    },
  }
}

/** Ends the connections when the last answers are on their way, or not much later. */
async function shutDown(server: GrpcServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const late = setTimeout(resolve, 500)
  void server.close().then(resolve)
  await promise
  clearTimeout(late)
  server.destroy()
}

/** The newest time stamp on record: no new object may seem older, even when the clock was set back. */
function newest(...lists: readonly Iterable<{ readonly createdAt: bigint }>[]): bigint {
  let at = 0n
  for (const list of lists) for (const { createdAt } of list) if (createdAt > at) at = createdAt
  return at
}
