import type { Images } from '../image/images.ts'
import type { Clock } from '../lib/clock.ts'
import type { KeyedQueue } from '../lib/keyed-queue.ts'
import type { Logger } from '../lib/log.ts'
import type { AttachWarmup } from '../linux/cgroup/attach-warmup.ts'
import type { Cgroups } from '../linux/cgroup/cgroups.ts'
import type { CgroupDriver } from '../linux/cgroup/names.ts'
import type { GracePeriods } from '../linux/grace-periods.ts'
import type { Reaper } from '../linux/reaper.ts'
import type { SystemdUnits } from '../linux/systemd/systemd-units.ts'
import type { NetworkPort } from '../network/port.ts'
import type { NriPort } from '../nri/port.ts'
import type { HostFacts } from '../oci/host-facts.ts'
import type { ShimPool } from '../shim/pool.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { Operations } from '../state/operations.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { Store } from '../state/store.ts'
import type { ContainerExits } from './exits.ts'
import type { RuntimeHandlers } from './handlers.ts'
import type { Layout } from './layout.ts'
import type { MountsApart } from './mounts-apart.ts'
import type { PipeHolder } from './pipe-holder.ts'
import type { RecordKeeping } from './record-keeping.ts'
import type { SpareSandboxes } from './spare-sandboxes.ts'
import type { Stop } from './stop-container.ts'
import type { Trash } from './trash.ts'

/** What the operations on pods work with. Each operation is a function of these and its request, in a file of its own. */
export interface PodParts {
  readonly layout: Layout
  readonly settings: PodSettings
  readonly handlers: RuntimeHandlers
  readonly sandboxes: Store<SandboxRecord>
  readonly containers: Store<ContainerRecord>
  readonly records: RecordKeeping
  readonly operations: Operations
  readonly exits: ContainerExits
  readonly mountsApart: MountsApart
  readonly trash: Trash
  readonly pipes: PipeHolder
  /** The stops of containers under way, by container id. */
  readonly stops: Map<string, Stop>
  /** Starts that are asked for once more if their shim dies before it has begun with them, by container id. */
  readonly repeatableStarts: Set<string>
  /** The containers whose traces are cleared or being cleared, by id. */
  readonly clearings: Map<string, Promise<void>>
  /** Changes of resources, by container id. */
  readonly updates: KeyedQueue
  readonly network: NetworkPort
  readonly spares: SpareSandboxes
  readonly images: Pick<Images, 'use' | 'useForVolume' | 'status' | 'sweep'>
  readonly shims: ShimPool
  readonly nri: NriPort
  readonly cgroups: Cgroups
  readonly units: Pick<SystemdUnits, 'startScope' | 'stop'>
  readonly warmup: AttachWarmup
  readonly gracePeriods: Pick<GracePeriods, 'shortened'>
  readonly reaper: Reaper
  readonly host: HostFacts
  readonly clock: Clock
  readonly log: Logger
}

export interface PodSettings {
  /** The cgroup of pods whose configuration names none, as a path below the hierarchy. */
  readonly cgroupParent: string
  readonly cgroupDriver: CgroupDriver
  /** Folders with descriptions of CDI devices, and with OCI hooks; later ones go before earlier ones. */
  readonly cdiDirs: readonly string[]
  readonly hooksDirs: readonly string[]
}
